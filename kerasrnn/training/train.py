import datetime
import hashlib
import json
import pathlib
import shutil
import statistics
import time

import keras

from kerasrnn.data import load_glove
from kerasrnn.inspection import (
    confusion_matrix_figure,
    learning_curve_figure,
    require_matplotlib,
)
from kerasrnn.metrics import classification_scores
from kerasrnn.training.checkpoints import Checkpoints, replace_file
from kerasrnn.training.confusion_text import confusion_text
from kerasrnn.training.progress import ProgressLine
from kerasrnn.training.provenance import provenance
from kerasrnn.training.recipe_data import load_splits
from kerasrnn.training.resumable_fit import resumable_fit
from kerasrnn.zoo import MODELS, PREPROCESSORS, Recipe, Task, load_recipe

RUN_FILE = "run.json"
RESULTS_FILE = "results.json"


def train(
    recipe,
    *,
    output=None,
    data=None,
    seeds=None,
    epochs: int | None = None,
    restart: bool = False,
    tensorboard: bool = False,
    command: str | None = None,
    log=print,
):
    """Train a recipe: data, training, test, figures, results and a preset.

    A run that was killed goes on where it was, to the same weights bit for bit, when
    it is started again with the same arguments.

    Args:
        recipe: Name of a recipe, the path of a recipe's folder, or a `Recipe`.
        output: Folder for everything that comes of it. None: `runs/<name>`.
        data: A TSV file of label<tab>text to learn from in place of the recipe's data.
        seeds: Train once for each of these integers. None: the recipe's own `seed`.
        epochs: At most so many epochs, in place of the recipe's number.
        restart: Throw away what is in `output` and begin anew.
        tensorboard: Write the metrics of every epoch for TensorBoard to `output/logs`.
        command: The command line to note in the results.
        log: Called with every line for the user.

    Returns:
        The contents of `results.json`: `metrics` are means over the seeds.

    Raises:
        ValueError: No such recipe, unusable data, or `output` holds an unfinished run
            with other settings.
    """
    import tensorflow as tf

    require_matplotlib()
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe)
    # The same numbers in every run, for which some kernels of TensorFlow are slower.
    tf.config.experimental.enable_op_determinism()
    output = pathlib.Path(output or pathlib.Path("runs", recipe.name))
    seeds = [int(recipe.config.get("seed", 1))] if seeds is None else list(seeds)
    config = json.loads(json.dumps(recipe.config))
    if epochs is not None:
        config["training"]["epochs"] = epochs
    if data is not None:
        config["data"] = {"name": pathlib.Path(data).name}
    _prepare_folder(output, config, data, restart, log)

    begin = time.monotonic()
    log(f"Data: {config['data']['name']}")
    splits = load_splits(config["data"], data)
    labels = list(splits["train"].label_names)
    sizes = {name: len(part) for name, part in splits.items()}
    log(", ".join(f"{size:,} {name}" for name, size in sizes.items()) + " examples")

    runs = []
    for seed in seeds:
        if len(seeds) > 1:
            log(f"\nSeed {seed}")
        runs.append(
            _train_seed(
                output / f"seed-{seed}", config, splits, labels, seed, tensorboard, log
            )
        )

    kept = max(runs, key=lambda run: run["metrics"]["validation_accuracy"])
    source = output / f"seed-{kept['seed']}" / "preset"
    shutil.copytree(source, output / "preset", dirs_exist_ok=True)
    figures = output / "figures"
    learning_curve_figure(
        kept["history"], figures / "learning_curve.png", kept_epoch=kept["kept_epoch"]
    )
    confusion_matrix_figure(
        kept["confusion_matrix"], labels, figures / "confusion_matrix.png"
    )
    results = {
        "recipe": recipe.name,
        "task": config["task"],
        "data": {"name": config["data"]["name"], "examples": sizes, "labels": labels},
        "parameters": kept["parameters"],
        "metrics": _summary(runs),
        "preset_seed": kept["seed"],
        "runs": runs,
        "wall_time_s": round(time.monotonic() - begin, 1),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "command": command or f"kerasrnn train {recipe.name}",
        **provenance(),
    }
    replace_file(output / RESULTS_FILE, json.dumps(results, indent=2) + "\n")
    _report(results, kept, labels, output, config, splits["test"], log)
    return results


def _prepare_folder(output, config, data, restart, log):
    """Leave in `output` what this run can go on from, and nothing else."""
    settings = {key: config[key] for key in ("task", "model", "preprocessor", "data")}
    settings["training"] = config["training"]
    if data is not None:
        contents = (
            pathlib.Path(data).read_bytes() if pathlib.Path(data).is_file() else b""
        )
        settings["file"] = hashlib.sha256(contents).hexdigest()
    run_file = output / RUN_FILE
    if run_file.is_file():
        finished = (output / RESULTS_FILE).is_file()
        same = json.loads(run_file.read_text(encoding="utf-8")) == settings
        if not same and not finished and not restart:
            raise ValueError(
                f"`output` {output} holds an unfinished run with other settings. Give "
                "another folder (--output), or begin anew (--restart)."
            )
        if restart or finished or not same:
            if finished:
                log(f"{output} holds a finished run, which this one replaces.")
            for name in ("preset", "figures", "logs"):
                shutil.rmtree(output / name, ignore_errors=True)
            for folder in output.glob("seed-*"):
                shutil.rmtree(folder)
            (output / RESULTS_FILE).unlink(missing_ok=True)
    elif output.is_dir() and any(output.iterdir()):
        raise ValueError(
            f"`output` {output} is a folder with other things in it. Give another one."
        )
    output.mkdir(parents=True, exist_ok=True)
    replace_file(run_file, json.dumps(settings, indent=2) + "\n")


def build_model(config, train_examples, seed):
    """The untrained model of a recipe, its tokenizer fitted to the training texts."""
    keras.utils.set_random_seed(seed)
    options = dict(config["preprocessor"])
    preprocessor = PREPROCESSORS[options.pop("class", "WordTokenizer")](**options)
    preprocessor.adapt(list(train_examples.texts))
    model = MODELS[config["task"]](
        preprocessor=preprocessor,
        labels=train_examples.label_names,
        embedding_matrix=_word_vectors(config, preprocessor, seed),
        **config["model"],
    )
    model.compile(
        optimizer=_optimizer(config["training"], len(train_examples)),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True,
            label_smoothing=config["training"].get("label_smoothing", 0.0),
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    return model


def _word_vectors(config, preprocessor, seed):
    name = config["training"].get("word_vectors")
    if name is None:
        return None
    if name != "glove":
        raise ValueError(f"`word_vectors` must be 'glove' or absent; got {name!r}.")
    return load_glove(preprocessor.get_vocabulary(), seed=seed)


def _optimizer(training, examples):
    options = {
        key: training[key]
        for key in ("weight_decay", "clipnorm", "global_clipnorm", "beta_2")
        if key in training
    }
    rate = training.get("learning_rate", 1e-3)
    schedule = training.get("schedule", "constant")
    if schedule == "linear":
        steps = _epochs(training) * -(-examples // _batch_size(training))
        rate = keras.optimizers.schedules.PolynomialDecay(rate, steps, 0.0)
    elif schedule != "constant":
        raise ValueError(
            f"`schedule` must be 'linear' (to zero at the last step) or 'constant'; "
            f"got {schedule!r}."
        )
    name = training.get("optimizer", "adam")
    optimizer = keras.optimizers.get(name)
    return type(optimizer)(learning_rate=rate, **options)


def _epochs(training):
    return int(training.get("epochs", 10))


def _batch_size(training):
    return int(training.get("batch_size", 32))


def _train_seed(folder, config, splits, labels, seed, tensorboard, log):
    done = folder / RESULTS_FILE
    if done.is_file():
        log(f"Seed {seed} is trained already.")
        return json.loads(done.read_text(encoding="utf-8"))
    training = config["training"]
    train_split = splits["train"]
    model = build_model(config, train_split, seed)
    log(f"Model: {config['task']}, {model.count_params():,} parameters\n")
    monitor = training.get("monitor", "val_accuracy")
    patience = training.get("patience", 3)
    epochs = _epochs(training)
    begin = time.monotonic()
    history = resumable_fit(
        model,
        train_split,
        splits["validation"],
        checkpoints=Checkpoints(folder / "checkpoints"),
        epochs=epochs,
        batch_size=_batch_size(training),
        seed=seed,
        patience=patience,
        monitor=monitor,
        checkpoint_every=int(training.get("checkpoint_every", 200)),
        progress=ProgressLine(epochs),
        log=log,
        on_epoch_end=_tensorboard_writer(folder.parent / "logs" / folder.name)
        if tensorboard
        else None,
    )
    model.save_to_preset(folder / "preset")
    # What is measured is what ships: the half-precision preset, read back.
    shipped = MODELS[config["task"]].from_preset(folder / "preset")
    test = splits["test"]
    scores = classification_scores(
        test.labels, shipped.predict(list(test.texts), batch_size=256, verbose=0)
    )
    kept = len(history) - 1
    if patience is not None:
        values = [epoch[monitor] for epoch in history]
        kept = values.index((min if monitor == "val_loss" else max)(values))
    run = {
        "seed": seed,
        "metrics": {
            "test_accuracy": scores["accuracy"],
            "test_loss": scores["loss"],
            "test_macro_f1": scores["macro_f1"],
            "validation_accuracy": history[kept]["val_accuracy"],
            "validation_loss": history[kept]["val_loss"],
        },
        "confusion_matrix": scores["confusion_matrix"],
        "kept_epoch": kept,
        "parameters": model.count_params(),
        "wall_time_s": round(time.monotonic() - begin, 1),
        "history": history,
    }
    replace_file(done, json.dumps(run, indent=2) + "\n")
    return run


def _summary(runs):
    """Mean of every metric over the seeds, and its standard deviation."""
    metrics = {}
    for name in runs[0]["metrics"]:
        values = [run["metrics"][name] for run in runs]
        metrics[name] = statistics.fmean(values)
        if len(values) > 1:
            metrics[f"{name}_std"] = statistics.stdev(values)
    return metrics


def _report(results, kept, labels, output, config, test, log):
    metrics = results["metrics"]
    spread = ""
    if len(results["runs"]) > 1:
        spread = (
            f" ± {metrics['test_accuracy_std']:.1%}, mean of "
            f"{len(results['runs'])} seeds"
        )
    log(
        f"\nTest accuracy {metrics['test_accuracy']:.1%}{spread}, on "
        f"{len(test):,} examples that the model has not seen\n"
    )
    log(confusion_text(kept["confusion_matrix"], labels))
    reviews = config.get("examples") or [str(text) for text in test.texts[:3]]
    model = Task.from_preset(output / "preset")
    log("\nThree reviews, and what the model makes of them:")
    scores = model.predict(reviews[:3], verbose=0)
    for text, row in zip(reviews[:3], scores, strict=True):
        best = int(row.argmax())
        log(f"  {labels[best]:>{max(map(len, labels))}} {row[best]:6.1%}  {text}")
    log(f"\nWritten to {output}: results.json, figures, and the preset. Try:")
    log(f'  kerasrnn predict {output} "a text of your own"')


def _tensorboard_writer(folder):
    import tensorflow as tf

    writers = {
        part: tf.summary.create_file_writer(str(folder / part))
        for part in ("train", "validation")
    }

    def write(epoch, metrics):
        for name, value in metrics.items():
            part = "validation" if name.startswith("val_") else "train"
            with writers[part].as_default():
                tf.summary.scalar(name.removeprefix("val_"), value, step=epoch)
            writers[part].flush()

    return write
