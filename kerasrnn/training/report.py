"""Tables and model cards, made from the `results.json` of the catalogue.

    python -m kerasrnn.training.report --update README.md
    python -m kerasrnn.training.report --publish runs/sentiment-movies
    python -m kerasrnn.training.report --draw sentiment-movies
    python -m kerasrnn.training.report --exports
    python -m kerasrnn.training.report --peers sentiment-movies --update README.md

The first writes the table of results between the two marks in a file, and all cards.
The second takes a run of `kerasrnn train` into the catalogue, where it is better than
what is there. The third draws the figures of a preset of the catalogue anew. The fourth
exports all presets to ONNX and LiteRT, and writes into their results how near these
come to the models. The fifth judges the simple peers of a recipe that has results, and
writes their scores into them.
"""

import argparse
import json
import pathlib
import re
import shutil
import sys
import tempfile

from kerasrnn.catalogue import (
    Recipe,
    list_recipes,
    load_recipe,
    metric_label,
    metric_text,
    training_seconds,
)
from kerasrnn.printable import in_bytes
from kerasrnn.training.kinds import kind_of
from kerasrnn.training.peers import best_peer, judge_peers, network_scores, peers_line
from kerasrnn.training.resumable_fit import lower_is_better
from kerasrnn.training.run_folder import FORMAT
from kerasrnn.training.task_kind import paragraph, table, with_spread

FORMAT_NAMES = {"onnx": "ONNX", "litert": "LiteRT"}
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def results_table(recipes=None) -> str:
    """The table of models and results, in Markdown.

    Args:
        recipes: `Recipe`s to list. None: all of the catalogue.
    """
    recipes = recipes or [load_recipe(name) for name in list_recipes()]
    lines = [
        "| recipe | what it does | test score | best simple peer | parameters "
        "| training | preset |",
        "|---|---|---|---|---|---|---|",
    ]
    for recipe in recipes:
        score = parameters = training = "not trained yet"
        peer = "–"
        if recipe.results is not None:
            label = metric_label(recipe.headline).removeprefix("test ")
            score = f"{with_spread(recipe.results, recipe.headline)} {label}"
            _, adapted = network_scores(recipe.results["metrics"], recipe.headline)
            if adapted is not None:
                of_adapted = {recipe.headline: adapted}
                score += f"; {metric_text(of_adapted, recipe.headline)} adapted"
            parameters = f"{recipe.results['parameters']:,}"
            training = _training_time(recipe.results)
            if peers := recipe.results.get("peers"):
                name = best_peer(peers, recipe.headline)
                of_peer = {recipe.headline: peers[name]}
                peer = f"{metric_text(of_peer, recipe.headline)}, {name}"
        preset = "yes" if recipe.preset else "no"
        lines.append(
            f"| [`{recipe.name}`](zoo/{recipe.name}/CARD.md) | {recipe.summary} "
            f"| {score} | {peer} | {parameters} | {training} | {preset} |"
        )
    return "\n".join(lines)


def update_table(path):
    """Write `results_table()` between the two marks in a Markdown file."""
    path = pathlib.Path(path)
    text = path.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{path} must hold the lines {BEGIN} and {END}.")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    path.write_text(f"{before}{BEGIN}\n{results_table()}\n{END}{after}", "utf-8")


def model_card(recipe: Recipe) -> str:
    """The model card of a recipe, in Markdown: no number in it is typed by hand."""
    config = recipe.config
    card = config.get("card", {})
    parts = [f"# {recipe.name}", recipe.summary, _usage(recipe), "## Data"]
    parts.append(paragraph(config["data"].get("description")))
    if recipe.results is not None:
        sizes = recipe.results["data"]["examples"]
        listed = ", ".join(f"{size:,} for {part}" for part, size in sizes.items())
        unit = recipe.results["data"].get("unit", "examples")
        parts.append(f"{unit.capitalize()}: {listed}.")
        kind = kind_of(config["task"])
        parts.append(kind.told_of_data(recipe.results["data"]))
    parts += ["## Model", _settings(config["task"], config["model"])]
    parts += ["## Training", _settings("", config["training"])]
    parts += ["## Results", _results(recipe)]
    if recipe.results is not None and "exports" in recipe.results:
        parts += ["## Exported", _exports(recipe.results["exports"])]
    limits = card.get("limits") or ["None have been written down."]
    parts += ["## Limits", "\n".join(f"- {paragraph(item)}" for item in limits)]
    parts += ["## Licence", paragraph(card.get("licence"))]
    parts += ["## Citation", paragraph(card.get("citation"))]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_card(recipe: Recipe):
    """Write `CARD.md` into the recipe's folder."""
    (recipe.folder / "CARD.md").write_text(model_card(recipe), encoding="utf-8")


def publish(run, *, force: bool = False) -> Recipe:
    """Take the preset, results and figures of a run into the catalogue.

    Args:
        run: The output folder of `kerasrnn train`.
        force: Replace results that are better, too.

    Raises:
        ValueError: The run is not finished, it was not trained as the recipe says, or
            the catalogue's results are better.
    """
    run = pathlib.Path(run)
    if not (run / "results.json").is_file():
        raise ValueError(f"{run} holds no finished run of `kerasrnn train`.")
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    recipe = load_recipe(results["recipe"])
    settings = json.loads((run / "run.json").read_text(encoding="utf-8"))
    if settings.pop("format", None) != FORMAT:
        raise ValueError(f"{run} holds no run of `kerasrnn train`.")
    settings.pop("from", None)  # The card says it.
    changed = [
        key for key, value in settings.items() if recipe.config.get(key) != value
    ]
    if changed:
        raise ValueError(
            f"{run} was trained with another {' and '.join(changed)} than the recipe "
            f"{recipe.name} has now."
        )
    name = recipe.headline
    if recipe.results is not None and name is not None and not force:
        new, old = ({name: r["metrics"][name]} for r in (results, recipe.results))
        worse = new[name] < old[name]
        if lower_is_better(name):
            worse = new[name] > old[name]
        if worse:
            raise ValueError(
                f"{recipe.name} has {metric_text(old, name)} {metric_label(name)} "
                f"already; this run has {metric_text(new, name)}."
            )
    for name in ("preset", "figures"):
        shutil.rmtree(recipe.folder / name, ignore_errors=True)
        shutil.copytree(run / name, recipe.folder / name)
    pages = [
        file for file in kind_of(recipe.config["task"]).files if file[-3:] == ".md"
    ]
    for name in ("results.json", *pages):
        if (run / name).is_file():
            shutil.copyfile(run / name, recipe.folder / name)
    recipe = load_recipe(recipe.name)
    write_card(recipe)
    return recipe


def draw(recipe: Recipe) -> None:
    """Draw the figures of a recipe's preset anew, from the preset and its results.

    Args:
        recipe: A recipe of the catalogue.

    Raises:
        ValueError: It has no preset.
    """
    if recipe.preset is None or recipe.results is None:
        raise ValueError(f"{recipe.name} has no preset to be drawn.")
    from kerasrnn.zoo import Task

    results = recipe.results
    (run,) = (r for r in results["runs"] if r["seed"] == results["preset_seed"])
    task = kind_of(recipe.config["task"])(recipe.config)
    with tempfile.TemporaryDirectory() as folder:
        # What is drawn beside the figures, such as a large page, is not kept.
        figures = pathlib.Path(folder, "run", "figures")
        figures.mkdir(parents=True)
        task.draw(Task.from_preset(recipe.preset), run, figures)
        shutil.copytree(figures, recipe.folder / "figures", dirs_exist_ok=True)


def measure_exports(recipe: Recipe) -> None:
    """Export a recipe's preset, and write into its results what became of it.

    Of each format and part: its size in bytes, and the largest difference from the
    model, of outputs on random inputs. A format that the model cannot go to is left
    out.

    Args:
        recipe: A recipe of the catalogue, with a preset.
    """
    from kerasrnn.zoo import Task

    if recipe.preset is None:
        raise ValueError(f"{recipe.name} has no preset to be exported.")
    model, exports = Task.from_preset(recipe.preset), {}
    for format in ("onnx", "litert"):
        with tempfile.TemporaryDirectory() as folder:
            try:
                path = model.export(pathlib.Path(folder, "model"), format=format)
            except ValueError as error:
                print(f"{recipe.name}, {format}: {error}", file=sys.stderr)
                continue
            described = json.loads((path / "model.json").read_text(encoding="utf-8"))
        exports[format] = {
            name: {key: part[key] for key in ("size", "largest_difference")}
            for name, part in described["parts"].items()
            if "largest_difference" in part
        }
    _add_to_results(recipe, exports=exports)


def measure_peers(recipe: Recipe) -> None:
    """Judge a recipe's simple peers, and write their scores into its results.

    As `kerasrnn train` does after training; for results that are older than a peer.

    Args:
        recipe: A recipe of the catalogue, with results.

    Raises:
        ValueError: It has no results.
    """
    if recipe.results is None:
        raise ValueError(f"{recipe.name} has no results to put peers beside.")
    task = kind_of(recipe.config["task"])(recipe.config)
    if peers := judge_peers(task):
        _add_to_results(recipe, peers=peers)


def _add_to_results(recipe, **more):
    path = recipe.folder / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**results, **more}, indent=2) + "\n", encoding="utf-8")


def main(arguments=None) -> int:
    """Run this module as a command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m kerasrnn.training.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--update", metavar="FILE", help="write the table into a file")
    parser.add_argument(
        "--publish", metavar="RUN", help="take a run into the catalogue"
    )
    parser.add_argument("--force", action="store_true", help="even if it is no better")
    parser.add_argument("--draw", metavar="NAME", help="draw a preset's figures anew")
    parser.add_argument(
        "--exports", action="store_true", help="measure all presets in ONNX and LiteRT"
    )
    parser.add_argument("--peers", metavar="NAME", help="judge a recipe's simple peers")
    options = parser.parse_args(arguments)
    try:
        if options.peers:
            measure_peers(load_recipe(options.peers))
        if options.exports:
            for recipe in map(load_recipe, list_recipes()):
                if recipe.preset is not None:
                    measure_exports(recipe)
        if options.publish:
            publish(options.publish, force=options.force)
        if options.draw:
            draw(load_recipe(options.draw))
        for name in list_recipes():
            write_card(load_recipe(name))
        if options.update:
            update_table(options.update)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if not options.update:
        print(results_table())
    return 0


def _training_time(results):
    seconds = training_seconds(results)
    gpus = results["hardware"]["gpus"]
    cores = results["hardware"]["cores"]
    where = f"{len(gpus)} GPU" if gpus else f"{cores} CPU core{'s' * (cores != 1)}"
    return f"{seconds:.0f} s, {where}"


def _usage(recipe):
    command = recipe.train_command
    if recipe.preset is None:
        return f"No trained preset ships. To train it:\n\n```sh\n{command}\n```"
    task = recipe.config["task"]
    return (
        "```python\n"
        f"from kerasrnn.zoo import {task}\n\n"
        f'model = {task}.from_preset("{recipe.name}")\n'
        f"{kind_of(task).usage(recipe)}\n"
        f"```\n\nTrained with `{command}`."
    )


def _settings(task, settings):
    rows = [f"`{task}`, with" if task else "", "| setting | value |\n|---|---|"]
    rows[1] += "".join(f"\n| `{key}` | {value} |" for key, value in settings.items())
    return "\n\n".join(row for row in rows if row)


def _results(recipe):
    results = recipe.results
    if results is None:
        return "Not trained yet."
    kept = next(run for run in results["runs"] if run["seed"] == results["preset_seed"])
    kind = kind_of(recipe.config["task"])
    parts = kind.told_of_results(
        recipe, kept, lambda names: _metrics_table(recipe, kept, names)
    )
    if peers := results.get("peers"):
        scores = network_scores(results["metrics"], recipe.headline)
        parts.append(f"Beside it, {peers_line(peers, recipe.headline, *scores)}.")
    parts += [
        f"![{title}](figures/{name})"
        for name, title in kind.figures.items()
        if (recipe.folder / "figures" / name).is_file()
    ]
    if source := results.get("from"):
        parts.append(
            f"Training began with the weights of `{source['preset']}`, of which the "
            f"SHA-256 is `{source['sha256']}`."
        )
    versions = results["versions"]
    # Where it was written says nothing to those who read it.
    command = re.sub(r" --output \S+", "", results["command"])
    parts.append(
        f"Measured on {results['date']} by `{command}` at commit "
        f"`{results['commit']}`, with TensorFlow {versions['tensorflow']} and Keras "
        f"{versions['keras']} on {results['hardware']['processor']}; "
        f"{_training_time(results)} for one seed."
    )
    return "\n\n".join(parts)


def _exports(exports):
    """How large a model is in other formats, and how near to itself."""
    rows = [
        (FORMAT_NAMES[format], f"`{part}`", in_bytes(found["size"]), difference)
        for format, parts in exports.items()
        for part, found in parts.items()
        for difference in [f"{found['largest_difference']:.1e}"]
    ]
    return (
        "By `model.export(folder, format=...)`; the largest difference of any output "
        "from the model's own, on random inputs (measured by "
        "`python -m kerasrnn.training.report --exports`):\n\n"
        + table(("format", "part", "size", "largest difference"), rows)
    )


def _metrics_table(recipe, kept, names):
    """Metrics of these names, and which of the seeds ships."""
    results = recipe.results
    rows = [(metric_label(name), with_spread(results, name)) for name in names]
    text = table(("metric", "value"), rows)
    if len(results["runs"]) > 1:
        label = metric_label(recipe.headline)
        text += (
            "\n\nMean ± standard deviation over the seeds. The preset is seed "
            f"{kept['seed']}, the best of them on the validation data; it has "
            f"{metric_text(kept['metrics'], recipe.headline)} {label}."
        )
    return text


if __name__ == "__main__":
    sys.exit(main())
