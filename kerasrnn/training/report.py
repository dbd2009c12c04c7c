"""Tables and model cards, made from the `results.json` of the catalogue.

    python -m kerasrnn.training.report --update README.md
    python -m kerasrnn.training.report --publish runs/sentiment-movies

The first writes the table of results between the two marks in a file, and all cards.
The second takes a run of `kerasrnn train` into the catalogue, where it is better than
what is there.
"""

import argparse
import json
import pathlib
import shutil
import sys

from kerasrnn.catalogue import (
    Recipe,
    list_recipes,
    load_recipe,
    metric_label,
    metric_text,
    training_seconds,
)
from kerasrnn.training.captioning.caption_card import (
    CAPTION_SCORES,
    caption_samples,
    caption_table,
    captioned,
    of_captions,
)
from kerasrnn.training.markdown import paragraph, table
from kerasrnn.training.resumable_fit import lower_is_better
from kerasrnn.training.sentiment.confusion_text import confusion_text

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"

# What a card shows of a recipe's folder `figures`, where it is there.
FIGURES = {
    "confusion_matrix.png": "Confusion matrix",
    "bleu_by_length.png": "BLEU by the length of the source",
    "attention_maps.png": "Attention maps",
    "gallery.png": "Test pictures: what people say of them, and what the model says",
    "attention.png": "Where it looks for every word",
    "learning_curve.png": "Learning curve",
}

# What a language model wrote as it learned.
SAMPLES_PAGE = "samples.md"


def results_table(recipes=None) -> str:
    """The table of models and results, in Markdown.

    Args:
        recipes: `Recipe`s to list. None: all of the catalogue.
    """
    recipes = recipes or [load_recipe(name) for name in list_recipes()]
    lines = [
        "| recipe | what it does | test score | parameters | training | preset |",
        "|---|---|---|---|---|---|",
    ]
    for recipe in recipes:
        score = parameters = training = "not trained yet"
        if recipe.results is not None:
            label = metric_label(recipe.headline).removeprefix("test ")
            score = f"{_with_spread(recipe.results, recipe.headline)} {label}"
            parameters = f"{recipe.results['parameters']:,}"
            training = _training_time(recipe.results)
        preset = "yes" if recipe.preset else "no"
        lines.append(
            f"| [`{recipe.name}`](zoo/{recipe.name}/CARD.md) | {recipe.summary} "
            f"| {score} | {parameters} | {training} | {preset} |"
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
        parts.append(captioned(recipe.results["data"]))
    parts += ["## Model", _settings(config["task"], config["model"])]
    parts += ["## Training", _settings("", config["training"])]
    parts += ["## Results", _results(recipe)]
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
    changed = [
        key for key, value in settings.items() if recipe.config.get(key) != value
    ]
    if changed:
        raise ValueError(
            f"{run} was trained with another {' and '.join(changed)} than the recipe "
            f"{recipe.name} has now."
        )
    if recipe.results is not None and not force:
        name = recipe.headline
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
    for name in ("results.json", SAMPLES_PAGE):
        if (run / name).is_file():
            shutil.copyfile(run / name, recipe.folder / name)
    recipe = load_recipe(recipe.name)
    write_card(recipe)
    return recipe


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
    options = parser.parse_args(arguments)
    try:
        if options.publish:
            publish(options.publish, force=options.force)
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


def _with_spread(results, metric):
    text = metric_text(results["metrics"], metric)
    if f"{metric}_std" in results["metrics"]:
        text += f" ({len(results['runs'])} seeds)"
    return text


def _training_time(results):
    seconds = training_seconds(results)
    gpus = results["hardware"]["gpus"]
    where = f"{len(gpus)} GPU" if gpus else f"{results['hardware']['cores']} CPU cores"
    return f"{seconds:.0f} s, {where}"


def _usage(recipe):
    command = f"kerasrnn train {recipe.name}"
    if recipe.preset is None:
        return f"No trained preset ships. To train it:\n\n```sh\n{command}\n```"
    metrics = recipe.results["metrics"]
    default = "photo.png" if "test_cider_d" in metrics else "a text of your own"
    example = (recipe.config.get("examples") or [default])[0]
    task, text = recipe.config["task"], json.dumps(example, ensure_ascii=False)
    call = f"model.predict([{text}])"
    options = "".join(
        f", {name}={json.dumps(value) if isinstance(value, str) else value}"
        for name, value in recipe.config.get("evaluation", {}).items()
        if name != "groups"
    )
    if "test_cider_d" in metrics:
        call = f"model.generate({text}{options})"
    elif "test_bits_per_character" in metrics:
        text, options = "", options.removeprefix(", ")
        call = f"model.generate({options})"
    elif "test_bleu" in metrics:
        call = f"texts = [{text}]\nmodel.generate(texts{options})"
    return (
        "```python\n"
        f"from kerasrnn.zoo import {task}\n\n"
        f'model = {task}.from_preset("{recipe.name}")\n'
        f"{call}\n"
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
    names = [name for name in results["metrics"] if not name.endswith("_std")]
    if "test_cider_d" in names:
        # Those of captions have a table of their own.
        starts = tuple(f"test_{name}" for name in CAPTION_SCORES)
        names = [name for name in names if not name.startswith(starts)]
    rows = [(metric_label(name), _with_spread(results, name)) for name in names]
    kept = next(run for run in results["runs"] if run["seed"] == results["preset_seed"])
    parts = [table(("metric", "value"), rows)]
    if len(results["runs"]) > 1:
        label = metric_label(recipe.headline)
        parts.append(
            "Mean ± standard deviation over the seeds. The preset is seed "
            f"{kept['seed']}, the best of them on the validation data; it has "
            f"{metric_text(kept['metrics'], recipe.headline)} {label}."
        )
    if "confusion_matrix" in kept:
        counts = confusion_text(kept["confusion_matrix"], results["data"]["labels"])
        parts.append(f"```text\n{counts}\n```")
    if "bleu_by_length" in kept:
        parts += _of_translations(results, kept)
    if "sample" in kept:
        parts += _of_text(recipe, kept)
    if "captions" in kept:
        parts[:0] = [caption_table(results), of_captions(results, kept)]
        parts.append(caption_samples(kept))
    parts += [
        f"![{title}](figures/{name})"
        for name, title in FIGURES.items()
        if (recipe.folder / "figures" / name).is_file()
    ]
    versions = results["versions"]
    parts.append(
        f"Measured on {results['date']} by `{results['command']}` at commit "
        f"`{results['commit']}`, with TensorFlow {versions['tensorflow']} and Keras "
        f"{versions['keras']} on {results['hardware']['processor']}; "
        f"{_training_time(results)} for one seed."
    )
    return "\n\n".join(parts)


def _of_translations(results, run):
    """How the scores were counted, what they are without the source, and by length."""
    parts = [
        "BLEU and chrF go from 0 to 100, as sacreBLEU counts them: "
        f"`{run['bleu_signature']}` and `{run['chrf_signature']}`. Accuracy, loss and "
        "perplexity are those of single tokens, told the right ones before them."
    ]
    names = ("test_bleu_greedy", "test_bleu_shuffled_sources")
    if all(name in results["metrics"] for name in names):
        score, control = (_with_spread(results, name) for name in names)
        parts.append(
            f"By greedy search it has a BLEU of {score}; given the sources of other "
            f"sentences, {control}: so much comes from what it knows of the language "
            "alone."
        )
    rows = [
        (
            f"{row['low']} to {row['high']}",
            f"{row['sentences']:,}",
            f"{row['bleu']:.1f}",
        )
        for row in run["bleu_by_length"]
    ]
    parts.append(table(("words of the source", "sentences", "test BLEU"), rows))
    return parts


def _of_text(recipe, run):
    """How bits were counted, and what the model writes."""
    prompt = recipe.config.get("evaluation", {}).get("prompt", "")
    remembered = recipe.config.get("model", {}).get("cache_size")
    cache = ""
    if remembered:
        cache = (
            f" A `NeuralCache` remembers the last {remembered:,} characters, so that "
            "names that only the text at hand has become likely as it is read."
        )
    parts = [
        "Bits a character are those of the whole text, the state carried from the "
        "beginning of each document to its end; loss is the same in nats."
        f"{cache} It writes:",
        f"````text\n{prompt}{run['sample']}\n````",
    ]
    if (recipe.folder / SAMPLES_PAGE).is_file():
        parts.append(f"[What it wrote as it learned]({SAMPLES_PAGE}).")
    return parts


if __name__ == "__main__":
    sys.exit(main())
