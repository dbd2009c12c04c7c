import datetime
import hashlib
import json
import pathlib
import shutil
import statistics
import time

from kerasrnn.catalogue import predict_command, unknown_name
from kerasrnn.inspection import require_matplotlib
from kerasrnn.training.captioning.captioning import Captioning
from kerasrnn.training.checkpoints import Checkpoints, replace_file
from kerasrnn.training.language_model.language_modelling import LanguageModelling
from kerasrnn.training.progress import ProgressLine
from kerasrnn.training.provenance import provenance
from kerasrnn.training.resumable_fit import lower_is_better, resumable_fit
from kerasrnn.training.sentiment.text_classification import TextClassification
from kerasrnn.training.translation.translation import Translation
from kerasrnn.zoo import Recipe, Task, load_recipe

# What differs between the models that a recipe may name.
TRAININGS = {
    "SentimentClassifier": TextClassification,
    "Seq2Seq": Translation,
    "Seq2SeqAttention": Translation,
    "ImageCaptioner": Captioning,
    "AttentionCaptioner": Captioning,
    "CharLanguageModel": LanguageModelling,
}
BLOCK = 1 << 20  # bytes of a file that are read at once
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
        data: What to learn from in place of the recipe's data: a file of
            label<tab>text for a classifier, of source<tab>target for a translator; a
            folder of pictures with a `captions.tsv` for a captioner.
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
    if config["task"] not in TRAININGS:
        raise ValueError(unknown_name("task", config["task"], list(TRAININGS)))
    if epochs is not None:
        config["training"]["epochs"] = epochs
    if data is not None:
        config["data"] = {"name": pathlib.Path(data).name}
    _prepare_folder(output, config, data, restart, log)

    config["training"].setdefault("epochs", 10)
    if config["training"].get("dtype"):
        config["model"]["dtype"] = config["training"]["dtype"]
    begin = time.monotonic()
    log(f"Data: {config['data']['name']}")
    task = TRAININGS[config["task"]](config, data, log)
    sizes = task.examples
    log(", ".join(f"{size:,} {name}" for name, size in sizes.items()) + f" {task.unit}")

    runs = []
    for seed in seeds:
        if len(seeds) > 1:
            log(f"\nSeed {seed}")
        runs.append(_train_seed(output / f"seed-{seed}", task, seed, tensorboard, log))

    choose = min if lower_is_better(task.selected_by) else max
    kept = choose(runs, key=lambda run: run["metrics"][task.selected_by])
    source = output / f"seed-{kept['seed']}"
    shutil.copytree(source / "preset", output / "preset", dirs_exist_ok=True)
    for name in task.files:
        shutil.copyfile(source / name, output / name)
    model = Task.from_preset(output / "preset")
    task.draw(model, kept, output / "figures")
    results = {
        "recipe": recipe.name,
        "task": config["task"],
        "data": {
            "name": config["data"]["name"],
            "examples": sizes,
            "unit": task.unit,
            **task.data_results,
        },
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
    task.report(model, results, kept)
    log(f"\nWritten to {output}: results.json, figures, and the preset. Try:")
    log(f"  {predict_command(output, config['task'])}")
    return results


def _prepare_folder(output, config, data, restart, log):
    """Leave in `output` what this run can go on from, and nothing else."""
    settings = {key: config[key] for key in ("task", "model", "preprocessor", "data")}
    settings["training"] = config["training"]
    if data is not None:
        settings["file"] = _digest(pathlib.Path(data))
    run_file = output / RUN_FILE
    if run_file.is_file():
        finished = (output / RESULTS_FILE).is_file()
        same = json.loads(run_file.read_text(encoding="utf-8")) == settings
        # A run that its data stopped has nothing that could be lost.
        unfinished = not finished and any(output.glob("seed-*"))
        if unfinished and not same and not restart:
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
            for name in (RESULTS_FILE, *TRAININGS[config["task"]].files):
                (output / name).unlink(missing_ok=True)
    elif output.is_dir() and any(output.iterdir()):
        raise ValueError(
            f"`output` {output} is a folder with other things in it. Give another one."
        )
    output.mkdir(parents=True, exist_ok=True)
    replace_file(run_file, json.dumps(settings, indent=2) + "\n")


def _digest(path):
    """SHA-256 of a file, or of the names and contents of the files of a folder."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(file.relative_to(path).as_posix().encode() * path.is_dir())
            with open(file, "rb") as contents:  # It may be larger than the memory.
                while block := contents.read(BLOCK):
                    digest.update(block)
    return digest.hexdigest()


def _train_seed(folder, task, seed, tensorboard, log):
    done = folder / RESULTS_FILE
    if done.is_file():
        log(f"Seed {seed} is trained already.")
        return json.loads(done.read_text(encoding="utf-8"))
    training = task.config["training"]
    model = task.build_model(seed)
    log(f"Model: {task.config['task']}, {model.count_params():,} parameters\n")
    begin = time.monotonic()
    after_epoch = task.after_epoch(model)
    if tensorboard:
        logs = folder.parent / "logs" / folder.name
        after_epoch.append(_tensorboard_writer(logs))
    fitted = resumable_fit(
        model,
        task.fit_data(model),
        checkpoints=Checkpoints(folder / "checkpoints"),
        epochs=training["epochs"],
        seed=seed,
        patience=training.get("patience", 3),
        monitor=training.get("monitor", task.monitor),
        average_checkpoints=training.get("average_checkpoints", 1),
        average_from=training.get("average_from"),
        checkpoint_every=training.get("checkpoint_every", 200),
        progress=ProgressLine(training["epochs"]),
        log=log,
        callbacks=task.callbacks(model, folder),
        on_epoch_end=after_epoch,
    )
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
        "parameters": model.count_params(),
        "training_time_s": round(fitted.seconds, 1),
        "wall_time_s": round(time.monotonic() - begin, 1),
        "history": fitted.history,
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
