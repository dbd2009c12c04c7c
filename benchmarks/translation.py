"""How fast does a translator learn and translate beside Joey NMT and keras.layers?

    python benchmarks/translation.py --joey-python PYTHON [--only train beam greedy]
        [--weights FILE [--epochs N]]

A bidirectional GRU-256 encoder, a GRU-256 decoder with additive attention, token
vectors of 256, 4,000 subwords a side, on verses of `bible_en_es` of at most 40 words.
All sides have the same weights and the same batches, are checked to compute the same,
and work in turns on two cores:

- ours: `kerasrnn.zoo.Seq2SeqAttention`.
- keras: the same model of keras.layers (`translation_keras.py`).
- Joey NMT: its own model, batches, loss and search in a process of its own, with two
  threads and with one; the ratio is to the faster. `translation_joey.py` says how to
  install it. Without `--joey-python` it is left out.

train: target tokens a second, padding not counted, in passes over the same `--steps`
batches of about `--max-tokens` on either side: ours and keras in `model.fit`, Joey NMT
with its trainer's step; Adam, clipping at a norm of 1, dropout of 0.2 where each has
it, no label smoothing (Joey NMT's is costlier than ours). With input feeding, as in
Joey NMT, and without.

beam: sentences a second of beam search with 5 beams, 32 sentences at a time. With
`--weights` the sentences end when the model ends them; these are weights of our model
of these sizes, and where FILE is not there, it is made by `--epochs` of training.
Without it the weights are random, which end anywhere or never, so that all sides are
forbidden to end and go on for all steps.

greedy: sentences a second for 32 sentences of 50 steps each, with random weights and no
end: our loop in the graph, beside a Python loop that calls `predict` for every token,
as in Keras's tutorials, with the states passed in and out.
"""

import functools
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from timing import Report, judged, medians, milliseconds, number, parser, take_turns
from translation_keras import DecoderStep, Encoder, KerasTranslator
from worker import Worker

from kerasrnn.data import batches_by_length, load_translation
from kerasrnn.metrics import MaskedAccuracy, Perplexity
from kerasrnn.text import PairTokenizer, SubwordTokenizer
from kerasrnn.zoo import Seq2SeqAttention
from kerasrnn.zoo.decoder.masked_crossentropy import MaskedCrossentropy

DATA, MAX_WORDS, UNITS, VOCABULARY, DROPOUT = "bible_en_es", 40, 256, 4000, 0.2
BEAMS, PENALTY, BATCH, LONGEST, GREEDY_STEPS = 5, 1.0, 32, 64, 50
TOLERANCE = 1e-4  # of a loss
JOEY = ("Joey NMT, 2 threads", "Joey NMT, 1 thread")
LEAST = {"train": 1.3, "beam": 2, "greedy": 35}


def tokenized(pairs, tokenizer):
    """Source and target ids (N, S) and (N, T) of all pairs."""
    texts = (pairs.sources.astype(str), pairs.targets.astype(str))
    return tokenizer(texts[0]).numpy(), tokenizer.target_ids(texts[1]).numpy()


def learn_tokenizer(train):
    sides = []
    for texts in (train.sources, train.targets):
        sides.append(SubwordTokenizer(max_tokens=VOCABULARY))
        sides[-1].adapt(list(texts))
    return PairTokenizer(*sides)


def trimmed(ids):
    return ids[:, : max(1, np.count_nonzero(ids, axis=1).max())]


def make_batches(ids, max_tokens, steps=None):
    """Source and target ids, batch by batch; the same ones every time."""
    lengths = np.stack([np.count_nonzero(side, axis=1) for side in ids], axis=1)
    order = batches_by_length(lengths, max_tokens=max_tokens, seed=1, epoch=0)
    return [[trimmed(side[rows]) for side in ids] for rows in order[:steps]]


def as_dataset(batches):
    spec = tf.TensorSpec((None, None), tf.int32)
    data = tf.data.Dataset.from_generator(
        lambda: (tuple(batch) for batch in batches), output_signature=(spec, spec)
    )
    data = data.apply(tf.data.experimental.assert_cardinality(len(batches)))
    # Where tf.data tunes itself, an epoch may end only when its tuner next wakes.
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.prefetch(2).with_options(options)


def our_model(tokenizer, input_feeding=True):
    keras.utils.set_random_seed(1)
    model = Seq2SeqAttention(
        tokenizer.source_vocabulary_size,
        tokenizer.target_vocabulary_size,
        start_id=tokenizer.start_id,
        end_id=tokenizer.end_id,
        units=UNITS,
        embedding_dim=UNITS,
        dropout=DROPOUT,
        input_feeding=input_feeding,
        label_smoothing=0.0,
    )
    # Zeros would hide a wrong bias.
    bias = model.decoder.output_bias
    bias.assign(keras.random.normal(bias.shape, stddev=0.1))
    return model


def weights_of(model):
    """The weights of one of our models, by name."""
    decoder = model.decoder
    cell, (bridge,) = decoder.recurrent.cell, decoder.bridge
    (encoder,) = model.encoder.recurrent_layers
    arrays = {
        "source": model.encoder.embedding.embeddings,
        "target": decoder.embedding.embeddings,
        "query_kernel": cell.attention.query_kernel,
        "memory_kernel": cell.attention.memory_kernel,
        "score_kernel": cell.attention.score_kernel,
        "attention_kernel": cell.kernel,
        "output_bias": decoder.output_bias,
    }
    layers = {
        "forward": encoder.forward_layer,
        "backward": encoder.backward_layer,
        "bridge": bridge,
        "decoder": cell.cell,
    }
    return {
        **{name: keras.ops.convert_to_numpy(array) for name, array in arrays.items()},
        **{name: layer.get_weights() for name, layer in layers.items()},
    }


def keras_model(ours, input_feeding=True):
    model = KerasTranslator(
        ours.source_vocabulary_size,
        ours.target_vocabulary_size,
        UNITS,
        DROPOUT,
        input_feeding,
    )
    model.copy(weights_of(ours))
    # As `Seq2SeqAttention.compile` does it.
    model.compile(
        keras.optimizers.Adam(1e-3, global_clipnorm=1.0),
        MaskedCrossentropy(),
        metrics=[MaskedAccuracy(), Perplexity()],
    )
    return model


def shifted(source_ids, target_ids):
    """What a Keras model is fitted with."""
    return (source_ids, target_ids[:, :-1]), target_ids[:, 1:]


def losses(model, batches):
    loss = MaskedCrossentropy()
    values = []
    for batch in batches:
        inputs, labels = shifted(*batch)
        values.append(float(loss(labels, model(inputs, training=False))))
    return values


def check_losses(values, expected, side):
    """Raises: the sides do not compute the same."""
    if not np.allclose(values, expected, rtol=TOLERANCE, atol=0):
        raise ValueError(f"{side} has the losses {values}, ours has {expected}.")


def check_tokens(found, expected, side):
    """Raises: hardly a sentence is the same (near ties may fall out otherwise)."""
    same = sum(
        np.array_equal(a[a != 0], b[b != 0])
        for batch, other in zip(found, expected, strict=True)
        for a, b in zip(batch, other, strict=True)
    )
    total = sum(map(len, expected))
    print(f"{side}: {same} of {total} translations as ours", file=sys.stderr)
    if same < 0.9 * total:
        raise ValueError(f"Only {same} of {total} translations of {side} are ours.")


def fit(model, data):
    def epochs(repeats):
        return milliseconds(lambda: model.fit(data, shuffle=False, verbose=0), repeats)

    return epochs


def calls(function):
    return functools.partial(milliseconds, function)


def compare_training(tokenizer, train, workers, arguments):
    batches = make_batches(
        tokenized(train, tokenizer), arguments.max_tokens, arguments.steps
    )
    tokens = sum(np.count_nonzero(target[:, 1:]) for _, target in batches)
    data, rows = as_dataset(batches), {}
    for input_feeding in (True, False):
        ours = our_model(tokenizer, input_feeding)
        theirs = keras_model(ours, input_feeding)
        request = {
            "weights": weights_of(ours),
            "batches": batches,
            "input_feeding": input_feeding,
            "dropout": DROPOUT,
        }
        expected = losses(ours, batches)
        check_losses(losses(theirs, batches), expected, "keras")
        sides = {"ours": fit(ours, data), "keras": fit(theirs, data.map(shifted))}
        for name, worker in workers.items():
            check_losses(worker.prepare(what="loss", **request), expected, name)
            worker.prepare(what="train", **request)
            sides[name] = worker.run
        times = medians(take_turns(sides, arguments.runs, seconds=1800.0))
        rows["with" if input_feeding else "without"] = {
            name: 1e3 * tokens / value for name, value in times.items()
        }
    report = start_report("train", workers, arguments)
    report.line(
        f"Target tokens a second: passes over the same {len(batches)} batches of at "
        f"most {arguments.max_tokens} tokens a side, with padding; {tokens} target "
        f"tokens without. Medians of {arguments.runs} passes."
    )
    print_rates(report, "input feeding", rows, LEAST["train"])


def compare_beams(tokenizer, train, test, workers, arguments):
    ours = our_model(tokenizer)
    if arguments.weights is not None:
        load_or_train(ours, tokenizer, train, arguments)
    forbid(ours, 0, tokenizer.start_id)
    if arguments.weights is None:
        forbid(ours, tokenizer.end_id)
    source_ids = tokenizer(test.sources[: arguments.sentences].astype(str)).numpy()
    batches = [
        [trimmed(source_ids[k : k + BATCH])] for k in range(0, len(source_ids), BATCH)
    ]

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)])
    def search(ids):
        return ours.generate_ids(
            ids,
            max_length=LONGEST,
            search="beam",
            beam_width=BEAMS,
            length_penalty=PENALTY,
        ).token_ids[:, 0]

    def translate():
        return [search(ids).numpy() for (ids,) in batches]

    request = {"weights": weights_of(ours), "batches": batches}
    options = {
        "max_output_length": LONGEST,
        "beam_size": BEAMS,
        "beam_alpha": PENALTY,
    }
    found = translate()
    sides = {"ours": calls(translate)}
    for name, worker in workers.items():
        check_tokens(worker.prepare(what="beam", **request, **options), found, name)
        sides[name] = worker.run
    times = medians(take_turns(sides, arguments.runs, seconds=1800.0))
    rates = {name: 1e3 * len(source_ids) / value for name, value in times.items()}
    lengths = np.concatenate([np.count_nonzero(ids, axis=1) for ids in found])
    report = start_report("beam", workers, arguments)
    weights = "trained" if arguments.weights else "random, the end forbidden"
    report.line(
        f"Sentences a second: {len(source_ids)} test sentences, {BATCH} at a time, "
        f"{BEAMS} beams, at most {LONGEST} tokens, length penalty {PENALTY}; weights: "
        f"{weights}; {lengths.mean():.0f} tokens a translation. Medians of "
        f"{arguments.runs} passes."
    )
    print_rates(report, "search", {"beam": rates}, LEAST["beam"])


def compare_greedy(tokenizer, test, arguments):
    ours = our_model(tokenizer)
    forbid(ours, 0, tokenizer.start_id, tokenizer.end_id)
    theirs = keras_model(ours)
    source_ids = tokenizer(test.sources[:BATCH].astype(str)).numpy()

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)])
    def search(ids):
        return ours.generate_ids(ids, max_length=GREEDY_STEPS).token_ids

    encoder, step = Encoder(theirs), DecoderStep(theirs)

    def loop_of_predict():
        *memory, h = encoder.predict(source_ids, verbose=0, batch_size=BATCH)
        fed = np.zeros_like(h)
        token_ids = np.full(len(source_ids), tokenizer.start_id, "int32")
        found = []
        for _ in range(GREEDY_STEPS):
            logits, h, fed = step.predict(
                (token_ids, h, fed, *memory), verbose=0, batch_size=BATCH
            )
            token_ids = logits.argmax(-1).astype("int32")
            found.append(token_ids)
        return np.stack(found, axis=1)

    check_tokens([loop_of_predict()], [search(source_ids).numpy()], "keras")
    sides = {
        "ours": calls(lambda: search(source_ids).numpy()),
        "loop of predict": calls(loop_of_predict),
    }
    times = medians(take_turns(sides, arguments.runs, seconds=600.0))
    rates = {name: 1e3 * len(source_ids) / value for name, value in times.items()}
    report = start_report("greedy", {}, arguments)
    report.line(
        f"Sentences a second: {len(source_ids)} sentences at a time, {GREEDY_STEPS} "
        f"steps each. Medians of {arguments.runs} calls."
    )
    print_rates(report, "search", {"greedy": rates}, LEAST["greedy"])


def load_or_train(model, tokenizer, train, arguments):
    path = pathlib.Path(arguments.weights)
    if path.exists():
        model.load_weights(path)
        return
    batches = make_batches(tokenized(train, tokenizer), arguments.max_tokens)
    model.fit(as_dataset(batches), epochs=arguments.epochs, verbose=2)
    model.save_weights(path)


def forbid(model, *token_ids):
    """Lets the model never write these tokens."""
    bias = keras.ops.convert_to_numpy(model.decoder.output_bias).copy()
    bias[list(token_ids)] = -1e9
    model.decoder.output_bias.assign(bias)


def start_report(what, workers, arguments):
    report = Report(f"translation_{what}", arguments.write)
    report.machine({worker.version: None for worker in workers.values()})
    return report


def print_rates(report, head, rows, least):
    """Rates of all sides, and ours beside the others' (beside the faster Joey NMT)."""
    names = list(next(iter(rows.values())))
    others = {name: [name] for name in names[1:] if name not in JOEY}
    if joey := [name for name in names if name in JOEY]:
        others["Joey NMT"] = joey
    report.line()
    report.head([head, *names, *(f"ours / {name}" for name in others)])
    for row, rates in rows.items():
        cells = [number(rates[name]) for name in names]
        for name, of_it in others.items():
            ratio = rates["ours"] / max(rates[side] for side in of_it)
            cells.append(judged(ratio, least=1 if name == "keras" else least))
        report.row([row, *cells])
    report.close()


def main():
    options = parser(__doc__, runs=7)
    options.add_argument("--only", nargs="+", choices=list(LEAST), default=list(LEAST))
    options.add_argument("--joey-python", help="a Python that has Joey NMT")
    options.add_argument("--steps", type=int, default=12, help="batches of a pass")
    options.add_argument("--max-tokens", type=int, default=2400, help="of a batch")
    options.add_argument("--sentences", type=int, default=128, help="for the beams")
    options.add_argument("--weights", help="a .weights.h5 file to translate with")
    options.add_argument("--epochs", type=int, default=5, help="to make it with")
    arguments = options.parse_args()
    train, test = (
        load_translation(DATA, split, languages=("en", "es"), max_words=MAX_WORDS)
        for split in ("train", "test")
    )
    tokenizer = learn_tokenizer(train)
    workers = {}
    if arguments.joey_python:
        script = str(pathlib.Path(__file__).with_name("translation_joey.py"))
        for name, threads in zip(JOEY, (2, 1), strict=True):
            workers[name] = Worker("joey", arguments.joey_python, threads, script)
    if "train" in arguments.only:
        compare_training(tokenizer, train, workers, arguments)
    if "beam" in arguments.only:
        compare_beams(tokenizer, train, test, workers, arguments)
    if "greedy" in arguments.only:
        compare_greedy(tokenizer, test, arguments)
    for worker in workers.values():
        worker.close()


if __name__ == "__main__":
    main()
