import keras
import pytest
from tiny_run import texts_and_labels

from kerasrnn.text import WordTokenizer
from kerasrnn.zoo import SentimentClassifier


@pytest.fixture(scope="session")
def reviews():
    texts, labels = zip(*texts_and_labels(), strict=True)
    return list(texts), list(labels)


@pytest.fixture(scope="session")
def trained(reviews):
    """A model that has learned something; tests must not train it further."""
    keras.utils.set_random_seed(1)
    tokenizer = WordTokenizer(max_tokens=40, max_length=20)
    tokenizer.adapt(reviews[0])
    model = SentimentClassifier(
        preprocessor=tokenizer,
        # The quickest to trace: what a Task does depends on no cell.
        cell="simple_rnn",
        bidirectional=False,
        units=8,
        embedding_dim=8,
        name="reviews",
    )
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    model.fit(*reviews, epochs=6, verbose=0)
    return model
