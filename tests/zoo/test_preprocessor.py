"""What a model takes from its preprocessor, and which one it refuses."""

import keras
import numpy as np
import pytest
import translators

from kerasrnn.text import CharacterTokenizer, TargetTokenizer, WordTokenizer
from kerasrnn.zoo import (
    AttentionCaptioner,
    CharLanguageModel,
    ImageCaptioner,
    Seq2Seq,
    Seq2SeqAttention,
)
from kerasrnn.zoo.task import Task

SMALL = {"units": 4, "embedding_dim": 4}


class Echo(Task):
    """Gives back the ids that it reads, as numbers."""

    def call(self, inputs):
        return keras.ops.cast(inputs, "float32")


def test_a_vocabulary_set_after_predict_is_the_one_that_counts():
    tokenizer = WordTokenizer(["one", "two"])
    model = Echo(preprocessor=tokenizer)
    before = model.predict(["one two"], verbose=0)
    tokenizer.set_vocabulary(["two", "one"])
    after = model.predict(["one two"], verbose=0)
    np.testing.assert_array_equal(after, before[:, ::-1])
    np.testing.assert_array_equal(after, np.asarray(tokenizer(["one two"])))


def test_a_translator_takes_its_sizes_from_its_preprocessor():
    pairs = translators.word_tokenizers()
    model = Seq2SeqAttention(preprocessor=pairs, **SMALL)
    assert model.source_vocabulary_size == pairs.source_vocabulary_size
    assert model.target_vocabulary_size == pairs.target_vocabulary_size
    assert (model.start_id, model.end_id) == (pairs.start_id, pairs.end_id)


def test_a_size_beside_the_preprocessor_must_agree_with_it():
    pairs = translators.word_tokenizers()
    with pytest.raises(ValueError, match="must have the model's `target_vocabulary_"):
        Seq2Seq(target_vocabulary_size=50, preprocessor=pairs, **SMALL)


def test_sizes_that_nothing_says_are_named():
    with pytest.raises(ValueError, match="`source_vocabulary_size` must be given"):
        Seq2Seq(**SMALL)
    with pytest.raises(ValueError, match="`start_id` must be given"):
        Seq2Seq(9, 9, **SMALL)


def test_a_tokenizer_as_first_argument_is_told_its_name():
    with pytest.raises(TypeError, match=r"got a PairTokenizer.*`preprocessor=tokeni"):
        Seq2Seq(translators.word_tokenizers())
    with pytest.raises(TypeError, match=r"got a CharacterTokenizer.*`preprocessor=tok"):
        CharLanguageModel(CharacterTokenizer())


def test_a_tokenizer_of_words_is_refused_where_pairs_are_needed():
    words = WordTokenizer(["one"])
    with pytest.raises(TypeError, match="such as a PairTokenizer; got a WordTokenizer"):
        Seq2Seq(9, 9, start_id=1, end_id=2, preprocessor=words, **SMALL)
    model = Seq2Seq(9, 9, start_id=1, end_id=2, **SMALL)
    with pytest.raises(TypeError, match="such as a PairTokenizer; got a WordTokenizer"):
        model.preprocessor = words
    assert model.preprocessor is None


def test_callbacks_may_be_a_tuple():
    tokenizer = CharacterTokenizer()
    tokenizer.adapt(["hello"])
    model = CharLanguageModel(preprocessor=tokenizer, units=4, num_layers=1)
    model.compile(run_eagerly=True)
    epochs = []
    seen = keras.callbacks.LambdaCallback(on_epoch_end=lambda n, logs: epochs.append(n))
    model.fit("hello", batch_size=1, verbose=0, callbacks=(seen,))
    model.fit("hello", batch_size=1, verbose=0, callbacks=(seen,), validation_data="hi")
    assert epochs == [0, 0]


@pytest.mark.parametrize("model_class", [ImageCaptioner, AttentionCaptioner])
def test_a_captioner_takes_its_sizes_from_its_preprocessor(model_class):
    captions = TargetTokenizer(WordTokenizer(["one", "two", "three"]))
    model = model_class(preprocessor=captions, encoder=None, feature_dim=3, **SMALL)
    assert model.target_vocabulary_size == captions.target_vocabulary_size == 7
    assert (model.start_id, model.end_id) == (captions.start_id, captions.end_id)


def test_a_tokenizer_of_words_is_refused_where_captions_are_needed():
    words = WordTokenizer(["one"])
    options = {"start_id": 1, "end_id": 2, "encoder": None, "feature_dim": 3}
    with pytest.raises(TypeError, match="such as a TargetTokenizer; got a WordTok"):
        ImageCaptioner(9, preprocessor=words, **options, **SMALL)
