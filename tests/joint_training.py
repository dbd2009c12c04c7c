"""Trains small models by one process or several, and prints what came of it.

    python joint_training.py COUNT

More than one are started by the first, on this machine. Each model has a batch whose
rows cannot be divided among two.
"""

import json
import os
import subprocess
import sys
import tempfile

ADDRESS = "127.0.0.1:29871"
EPOCHS, SIZES = 17, (6, 3, 1)  # 51 steps


def batches(*arrays):
    """Ten rows in batches of `SIZES`, in another order each epoch."""
    import numpy as np
    import tensorflow as tf

    class Batches:
        def order(self, seed, epoch):
            rows = np.random.default_rng([seed, epoch]).permutation(sum(SIZES))
            return np.split(rows, np.cumsum(SIZES)[:-1])

        def dataset(self, order):
            specs = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in arrays]
            return tf.data.Dataset.from_generator(
                lambda: (tuple(a[rows] for a in arrays) for rows in order),
                output_signature=tuple(specs),
            ).apply(tf.data.experimental.assert_cardinality(len(order)))

        def validate(self, model):
            return {"val_loss": float(len(model.weights))}

    return Batches()


def counting():
    """A weight for each of ten examples, which grows by one when it is learned."""
    import keras
    import numpy as np

    model = keras.Sequential(
        [
            keras.Input((10,)),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"),
        ]
    )
    loss = keras.losses.MeanAbsoluteError(reduction="sum")
    model.compile(keras.optimizers.SGD(1.0), loss)
    return model, (np.eye(10, dtype="float32"), np.full((10, 1), 1e3, "float32"))


def translator():
    import numpy as np

    from kerasrnn.zoo import Seq2SeqAttention

    model = Seq2SeqAttention(
        20, 15, start_id=2, end_id=3, units=5, embedding_dim=6, dropout=0.2
    )
    model.compile()
    draw = np.random.default_rng(2)
    lengths = draw.integers(2, 7, (10, 1))
    sources = draw.integers(4, 20, (10, 6)) * (np.arange(6) < lengths)
    targets = draw.integers(4, 15, (10, 7)) * (np.arange(7) <= lengths)
    return model, (sources.astype("int32"), targets.astype("int32"))


def characters():
    import numpy as np

    from kerasrnn.text import CharacterStreams, CharacterText, CharacterTokenizer
    from kerasrnn.training.language_model.language_modelling import LanguageData
    from kerasrnn.zoo import CharLanguageModel

    model = CharLanguageModel(
        preprocessor=CharacterTokenizer("abcd"), units=5, num_layers=1, dropout=0.2
    )
    model.compile()
    ids = np.random.default_rng(3).integers(2, 6, 60).astype("uint8")
    text = CharacterText(ids, [25, 60])
    model.carry(3)  # rows, with a state that goes from step to step
    data = LanguageData(CharacterStreams(text, 3, 5), text, steps_per_epoch=4)
    data.validate = lambda model: {"val_loss": 0.0}
    return model, data


def joint_training(workers):
    """The running loss after each step, and the weights, of each model."""
    import keras

    from kerasrnn.training.checkpoints import Checkpoints
    from kerasrnn.training.resumable_fit import resumable_fit

    found = {}
    for make in (counting, translator, characters):

        def model_of(make=make):
            keras.utils.set_random_seed(4)
            return make()[0]

        data = make()[1]
        losses = []
        step = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs, to=losses: to.append(logs["loss"])
        )
        model = model_of()
        with tempfile.TemporaryDirectory() as folder:
            resumable_fit(
                model,
                batches(*data) if isinstance(data, tuple) else data,
                checkpoints=Checkpoints(folder),
                epochs=EPOCHS,
                seed=5,
                patience=None,
                monitor="val_loss",
                log=lambda line: None,
                callbacks=[step],
                workers=workers,
                learner=model if workers.count == 1 else workers.learner(model_of),
            )
        if workers.is_first:
            weights = [weight.tolist() for weight in model.get_weights()]
            found[make.__name__] = {"losses": losses, "weights": weights}
    return found


def main(count, rank=0):
    others = []
    if count > 1 and not rank:
        others = [
            subprocess.Popen([sys.executable, __file__, str(count), str(number)])
            for number in range(1, count)
        ]
    from kerasrnn.training.workers import Workers

    workers = Workers.join(rank, count, ADDRESS) if count > 1 else Workers()
    assert workers.from_first({"from": rank}) == {"from": 0}
    found = joint_training(workers)
    if workers.is_first:
        print("RESULT" + json.dumps(found), flush=True)
    if others:
        import jax

        jax.distributed.shutdown()  # It waits for the others, as they do for it.
    sys.exit(any(other.wait() for other in others))


if __name__ == "__main__":
    os.environ |= {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    main(*map(int, sys.argv[1:]))
