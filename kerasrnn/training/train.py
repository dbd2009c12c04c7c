import datetime
import importlib.util
import json
import numbers
import os
import pathlib
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from kerasrnn.catalogue import Recipe, load_recipe, predict_command
from kerasrnn.training.checkpoints import Checkpoints, replace_file
from kerasrnn.training.kinds import kind_of
from kerasrnn.training.peers import judge_peers, network_scores, tell_peers
from kerasrnn.training.progress import ProgressLine, TimeLine
from kerasrnn.training.provenance import provenance
from kerasrnn.training.resumable_fit import lower_is_better, resumable_fit
from kerasrnn.training.run_folder import RESULTS_FILE, RunFolder, copy_folder
from kerasrnn.training.starting_point import StartingPoint
from kerasrnn.training.workers import Workers
from kerasrnn.zoo import Task

MAX_SEED = 2**32 - 1
SCRATCH = "scratch"  # what to begin with, so that it is nothing


def train(
    recipe: Recipe | str,
    *,
    output: Any = None,
    data: Any = None,
    seeds: Sequence[int] | None = None,
    epochs: int | None = None,
    start_from: Any = None,
    restart: bool = False,
    tensorboard: bool = False,
    word_vectors: bool = True,
    command: str | None = None,
    log: Callable[[str], object] = print,
    workers: Workers | None = None,
) -> dict:
    """Train a recipe: data, training, test, figures, results and a preset.

    A run that was killed goes on where it was, to the same weights bit for bit, when
    it is started again with the same arguments. A run that is finished is not trained
    again, but with further seeds, or where `restart` asks for it; its preset then
    stays until the new one is there.

    With `start_from`, training begins with a model that is trained already, as in
    `train("translate-en-es", data="mine.tsv", start_from="translate-en-es")`: with its
    weights, its sizes, its tokenizer with the vocabulary grown by the words of the new
    data, and half the recipe's learning rate. Where it is a run of the same recipe and
    data, that run goes on from its last step for `epochs` more, with a quarter of the
    rate, which falls anew; its best epochs so far count among the others. Then `output`
    may be the run itself, which stays until it is trained further.

    Args:
        recipe: Name of a recipe, the path of a recipe's folder, or a `Recipe`.
        output: Folder for everything that comes of it. None: `runs/<name>`.
        data: What to learn from in place of the recipe's data: a file of
            label<tab>text for a classifier, of source<tab>target for a translator, of
            word<tab>tag for a tagger; a folder of pictures with a `captions.tsv` for a
            captioner.
        seeds: Train once for each of these integers. None: the recipe's own `seed`.
        epochs: At most so many epochs, in place of the recipe's number; of a run that
            goes on, so many more.
        start_from: What to begin with: the name of a preset, or the folder of a preset
            or of a finished run; "scratch": nothing. None: a classifier of your own
            texts begins with the recipe's preset where it knows their words and has
            read more texts; all others begin with nothing.
        restart: Begin anew, and replace the run that is in `output`.
        tensorboard: Write the metrics of every epoch for TensorBoard to `output/logs`.
        word_vectors: Whether a recipe that begins with English word vectors, 76 MB,
            does so.
        command: The command line to note in the results.
        log: Called with every line for the user.
        workers: The processes that train together, each of which calls `train` with
            the same arguments; the first alone writes to `output`, and needs it. None:
            this one alone.

    Returns:
        The contents of `results.json`: `metrics` are means over the seeds. Of all
        workers but the first an empty dictionary.

    Raises:
        ValueError: No such recipe, unusable data or seeds; or `start_from` is no
            trained model of the recipe's kind; or `output` holds a run with other
            settings, or other things, or is what another process trains into.
    """
    import tensorflow as tf

    from kerasrnn.data import fingerprint

    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise ImportError(
            "`tensorboard` needs the package of that name: pip install tensorboard."
        )
    workers = workers or Workers()
    if not workers.is_first:
        log = _unheard
    figures = importlib.util.find_spec("matplotlib") is not None
    if not figures:
        log(
            "No figures will be drawn: they need matplotlib (pip install "
            "'kerasrnn[plot]')."
        )

    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe)
    output = pathlib.Path(output or pathlib.Path("runs", recipe.name))
    config = json.loads(json.dumps(recipe.config))
    kind = kind_of(config["task"])
    config["training"].setdefault("epochs", 10)
    if epochs is not None:
        if not _is_integer(epochs) or epochs < 1:
            raise ValueError(f"`epochs` must be a positive integer; got {epochs!r}.")
        config["training"]["epochs"] = int(epochs)
    if data is not None:
        config["data"] = {"name": pathlib.Path(data).name}
        config.pop("examples", None)  # They are of the recipe's own data.
    if not word_vectors:
        config["training"].pop("word_vectors", None)
    keys = ("task", "model", "preprocessor", "data", "training")
    settings = json.loads(json.dumps({key: config[key] for key in keys}))
    if data is not None:
        settings["file"] = fingerprint(data)
        if "own_data" in config:
            settings["own_data"] = config["own_data"]
    source = run = None  # the run that goes on
    if start_from is None and data is not None:
        start_from = kind.suggested_start(recipe, data, log)
    if start_from not in (None, SCRATCH):
        source = StartingPoint.read(start_from)
        source.check(config)
        source = replace(source, goes_on=source.is_of(settings))
        settings["from"] = source.provenance
        run = source if source.goes_on else None
    if seeds is None:
        seeds = [config.get("seed", 1)] if run is None else run.seeds
    seeds = _checked_seeds(list(seeds))
    if run is not None and not set(seeds) <= set(run.seeds):
        raise ValueError(
            f"`seeds` must be among {run.seeds}, those of {run.name}, which goes on; "
            f"got {seeds}."
        )
    replaces = run is not None and run.folder.parent.resolve() == output.resolve()
    if config["training"].get("dtype"):
        config["model"]["dtype"] = config["training"]["dtype"]
    files = (*kind.files, *kind.pages)
    with (
        workers.folder(output) as path,
        RunFolder(path, settings=settings, seeds=seeds, files=files) as folder,
    ):
        finished = workers.from_first(folder.plan(restart, replaces=replaces))
        if finished is not None:
            log(
                f"{output} holds this run, finished on {finished['date']}. Begin anew "
                "with --restart, or try:"
            )
            log(f"  {predict_command(output, kind.input_example)}")
            return finished
        # The same numbers in every run, for which some kernels of TensorFlow are
        # slower.
        tf.config.experimental.enable_op_determinism()
        begin = time.monotonic()
        log(f"Data: {config['data']['name']}")
        with workers.first_first():  # It prepares the data.
            task = kind(config, data, log, *([] if source is None else [source]))
        task.epochs_are_given = epochs is not None
        sizes = task.examples
        listed = ", ".join(f"{size:,} {name}" for name, size in sizes.items())
        log(f"{listed} {task.unit}")
        if data is not None:
            task.expect()
        folder.prepare()
        runs = []
        for seed in seeds:
            if len(seeds) > 1:
                log(f"\nSeed {seed}")
            of_seed = folder.work / f"seed-{seed}"
            runs.append(_train_seed(of_seed, task, seed, tensorboard, log, workers))
        if not workers.is_first:
            return workers.from_first()
        choose = min if lower_is_better(task.selected_by) else max
        kept = choose(runs, key=lambda run: run["metrics"][task.selected_by])
        of_kept = folder.work / f"seed-{kept['seed']}"
        copy_folder(of_kept / "preset", folder.work / "preset")
        for name in task.files:
            shutil.copyfile(of_kept / name, folder.work / name)
        model = Task.from_preset(folder.work / "preset")
        if figures:
            task.draw(model, kept, folder.work / "figures")
        results = {
            "recipe": recipe.name,
            "task": config["task"],
            "headline": task.headline,
            "data": {
                "name": config["data"]["name"],
                "examples": sizes,
                "unit": task.unit,
                **({} if data is None else {"path": os.path.abspath(data)}),
                **task.data_results,
            },
            **_from(task),
            "parameters": kept["parameters"],
            "metrics": _summary(runs),
            "peers": judge_peers(task),
            "preset_seed": kept["seed"],
            "runs": runs,
            "wall_time_s": round(time.monotonic() - begin, 1),
            **({"workers": workers.count} if workers.count > 1 else {}),
            "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
            "command": command or f"kerasrnn train {recipe.name}",
            **provenance(),
        }
        text = json.dumps(results, indent=2) + "\n"
        replace_file(folder.work / RESULTS_FILE, text)
        folder.finish()
    workers.from_first({})  # The others end when all is written.
    task.report(model, results, kept)
    score, adapted = network_scores(results["metrics"], task.headline)
    tell_peers(results["peers"], task.headline, score, log, adapted)
    listed = "results.json, figures" if figures else "results.json"
    log(f"\nWritten to {output}: {listed}, and the preset. Try:")
    log(f"  {predict_command(output, task.input_example)}")
    return results


def _unheard(text):
    """Log nothing."""


def _is_integer(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _from(task):
    """What the results say of the source."""
    if task.source is None:
        return {}
    told = {"vocabulary": task.vocabulary, "goes_on": task.source.goes_on}
    return {"from": {**task.source.provenance, **told}}


def _checked_seeds(seeds):
    for seed in seeds:
        if not _is_integer(seed) or not 0 <= seed <= MAX_SEED:
            raise ValueError(
                f"`seeds` must be integers from 0 to {MAX_SEED}; got {seed!r}."
            )
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(
            f"`seeds` must be one or more different integers; got {seeds}."
        )
    return [int(seed) for seed in seeds]


def _train_seed(folder, task, seed, tensorboard, log, workers):
    done = folder / RESULTS_FILE
    if workers.from_first(done.is_file()):
        log(f"Seed {seed} is trained already.")
        return json.loads(done.read_text("utf-8")) if workers.is_first else None
    training = task.config["training"]
    checkpoints = Checkpoints(folder / "checkpoints")
    epochs_before = 0
    if task.source is not None and task.source.goes_on:
        task.first_step, arrays, state = task.source.end_of(seed)
        epochs_before = state["epoch"]
        if checkpoints.load() is None:
            checkpoints.save(task.first_step, arrays, {**state, "waited": 0})
    model, learner = _models(task, seed, workers)
    log(f"Model: {task.config['task']}, {model.count_params():,} parameters\n")
    begin = time.monotonic()
    epochs = epochs_before + training["epochs"]
    task.prepare(learner, folder, seed, workers)
    fit_data = task.fit_data(model)
    shown = {}
    if workers.is_first:
        progress = ProgressLine(epochs, shown=task.progress)
        steps = training["epochs"] * len(fit_data.order(seed, 0))
        after_epoch = task.after_epoch(model)
        if tensorboard:
            logs = folder.parent / "logs" / folder.name
            after_epoch.append(_tensorboard_writer(logs))
        callbacks = [*task.callbacks(model, folder), TimeLine(steps, progress, log)]
        shown = {
            "progress": progress,
            "callbacks": callbacks,
            "on_epoch_end": after_epoch,
        }
    fitted = resumable_fit(
        model,
        fit_data,
        checkpoints=checkpoints,
        epochs=epochs,
        seed=seed,
        patience=training.get("patience", 3),
        monitor=training.get("monitor", task.monitor),
        average_checkpoints=training.get("average_checkpoints", 1),
        average_from=training.get("average_from"),
        told_apart=task.told_apart,
        checkpoint_every=training.get("checkpoint_every", 200),
        log=log,
        workers=workers,
        learner=learner,
        **shown,
    )
    if not workers.is_first:
        return None
    model.save_to_preset(folder / "preset")
    if training.get("dtype"):
        # It was for speed, where processors have instructions for it: not all have.
        model = Task.from_preset(folder / "preset", dtype="float32")
        model.save_to_preset(folder / "preset")
    # What is measured is what ships: the half-precision preset, read back.
    shipped = Task.from_preset(folder / "preset")
    run = {
        "seed": seed,
        **task.judge(shipped, fitted, folder),
        "kept_epochs": fitted.kept_epochs,
        "averages_tried": fitted.averages_tried,
        **({"derived": task.derived} if task.derived else {}),
        "parameters": model.count_params(),
        "training_time_s": round(fitted.seconds, 1),
        "wall_time_s": round(time.monotonic() - begin, 1),
        "history": fitted.history,
    }
    replace_file(done, json.dumps(run, indent=2) + "\n")
    return run


def _models(task, seed, workers):
    """The untrained model, and the one that all workers train.

    Where there are several workers, the first has both, the others the second only.
    """
    if workers.count == 1:
        model = task.build_model(seed)
        return model, model
    model = None
    with workers.first_first():  # It computes what is kept on disk.
        if workers.is_first:
            model = task.build_model(seed)
    log, task.log = task.log, _unheard  # It would say the same again.
    learner = workers.learner(lambda: task.build_model(seed))
    task.log = log
    return model or learner, learner


def _summary(runs):
    """Mean of every metric over the seeds, and its standard deviation."""
    metrics = {}
    for name in runs[0]["metrics"]:
        values = [run["metrics"][name] for run in runs]
        metrics[name] = statistics.fmean(values)
        if len(values) > 1:
            metrics[f"{name}_std"] = statistics.stdev(values)
    return metrics


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
