"""What does a character model gain where it may learn and remember what it reads?

    python benchmarks/character_adaptation.py --model chars-shakespeare
        [--rates 0.003 0.01] [--decays 0.01] [--segments 20] [--rows 8]
        [--most 500000] [--test]

A trained model reads the validation text of its recipe, of which the first half (of
`--most` characters) weighs the memory, and the second half judges all:

- plain: without a cache;
- cache: with the one that its preset has, or one of `--cache` characters;
- memory: a `TextMemory` of the training text and the text so far; also with only one of
  both to remember;
- dynamic: `DynamicEvaluation`, with each of the rates, decays and segments;
- the best of these, together.

With `--test` the test text is judged once: plain, and with all that was best. That is
what the recipe's section `adaptation` should then say.
"""

import argparse
import itertools
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from timing import Report

from kerasrnn.text import CharacterText
from kerasrnn.training.language_model.adapted_scores import beginning_of
from kerasrnn.zoo import CharLanguageModel, DynamicEvaluation, TextMemory
from kerasrnn.zoo.language_model.character_texts import adapted_log_probabilities


def end_of(text, cut):
    """A text from a place on."""
    return CharacterText(text.ids[cut:], text.ends[text.ends > cut] - cut)


class Comparison:
    """Judges ways to read on the second half of a validation text.

    Args:
        texts: Of "train", "validation" and "test", `CharacterText`s.
        most: Characters of the validation text.
        report: Where the rows go.
    """

    def __init__(self, texts, most, report):
        self.known = texts["train"]
        text = beginning_of(texts["validation"], most)
        self.cut = len(text) // 2
        self.halves = beginning_of(text, self.cut), end_of(text, self.cut)
        self.text, self.report = text, report

    def row(self, name, p, begin):
        """Writes how good ln p (N,) of the text is on the second half."""
        bits = -np.mean(p[self.cut :], dtype="float64") / np.log(2)
        seconds = time.perf_counter() - begin
        self.report.row([name, f"{bits:.4f}", f"{seconds:.0f}"])
        return bits

    def read(self, name, model, dynamic=None):
        """Writes a row of a model that reads, and gives ln p and bits."""
        begin = time.perf_counter()
        p = adapted_log_probabilities(model, self.text, dynamic)
        return p, self.row(name, p, begin)

    def remember(self, name, p, known, **options):
        """Writes a row of what a memory makes of ln p."""
        begin = time.perf_counter()
        memory = TextMemory(known, **options).fit(self.halves[0], p[: self.cut])
        found = memory.mix(self.halves[1], p[self.cut :])
        return self.row(name, np.concatenate([p[: self.cut], found]), begin)


def compare(plain, cached, texts, arguments, report):
    """Writes the rows of the validation text; gives the best `DynamicEvaluation`."""
    comparison = Comparison(texts, arguments.most, report)
    known = comparison.known
    p, _ = comparison.read("plain", plain)
    p_cached = comparison.read("cache", cached)[0] if cached is not plain else p
    comparison.remember("memory of the text so far", p, None)
    comparison.remember("memory of the training text and the text so far", p, known)
    if cached is not plain:
        comparison.remember("cache and memory", p_cached, known)
    best = None
    settings = itertools.product(
        arguments.rates, arguments.decays, arguments.segments, arguments.epsilons
    )
    for rate, decay, segment, epsilon in settings:
        dynamic = DynamicEvaluation(
            known, rate, decay, segment, rows=arguments.rows, epsilon=epsilon
        )
        name = f"dynamic: rate {rate:g}, decay {decay:g}, segment {segment}"
        name += f", epsilon {epsilon:g}"
        found, bits = comparison.read(name, plain, dynamic)
        if best is None or bits < best[1]:
            best = dynamic, bits, found
    if best is None:
        return None
    comparison.remember("dynamic and memory", best[2], known)
    if cached is not plain:
        name = "dynamic and cache"
        p, _ = comparison.read(name, cached, best[0])
        comparison.remember(f"{name} and memory", p, known)
    return best[0]


def main():
    # Here, so that the functions above need no data.
    from kerasrnn.data import load_documents
    from kerasrnn.zoo import load_recipe

    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--model", default="chars-shakespeare", help="a preset")
    options.add_argument("--recipe", help="whose data it reads; the model's own")
    options.add_argument("--rates", nargs="*", type=float, default=[0.003, 0.01])
    options.add_argument("--decays", nargs="+", type=float, default=[0.01])
    options.add_argument("--segments", nargs="+", type=int, default=[20])
    options.add_argument("--epsilons", nargs="+", type=float, default=[0.2])
    options.add_argument("--rows", type=int, default=8)
    options.add_argument("--cache", type=int, help="characters; as the preset has it")
    options.add_argument("--most", type=int, default=500_000, help="characters")
    options.add_argument("--test", action="store_true", help="judge the test text once")
    options.add_argument("--write", metavar="README", help="put the table there too")
    arguments = options.parse_args()
    recipe = load_recipe(arguments.recipe or arguments.model)
    plain = CharLanguageModel.from_preset(arguments.model, cache_size=0)
    cached = CharLanguageModel.from_preset(arguments.model)
    if arguments.cache:
        size = arguments.cache
        cached = CharLanguageModel.from_preset(arguments.model, cache_size=size)
    cached = cached if cached.cache_size else plain
    data = recipe.config["data"]
    texts = {
        name: CharacterText.of_documents(
            load_documents(data["name"], name), plain.preprocessor
        )
        for name in ("train", "validation", "test")
    }
    report = Report(f"character_adaptation_{recipe.name}", arguments.write)
    report.machine()
    report.line(
        f"`{recipe.name}`: the second half of the first "
        f"{min(arguments.most, len(texts['validation'])):,} characters of the "
        f"validation text; the first half weighs the memory. {arguments.rows} places "
        "at once in dynamic evaluation."
    )
    report.line()
    report.head(["what reads", "bits a character, validation", "seconds"])
    dynamic = compare(plain, cached, texts, arguments, report)
    if arguments.test:
        validation = beginning_of(texts["validation"], arguments.most)
        report.line()
        report.head(["what reads", "bits a character, test", "seconds"])
        begin = time.perf_counter()
        memory = cached.remember(texts["train"], validation, dynamic=dynamic)
        for name, model, given in (
            ("plain", plain, {}),
            ("all", cached, {"dynamic": dynamic, "memory": memory}),
        ):
            found = model.evaluate(texts["test"], verbose=0, **given)
            seconds = time.perf_counter() - begin
            row = [name, f"{found['bits_per_character']:.4f}", f"{seconds:.0f}"]
            report.row(row)
            begin = time.perf_counter()
    report.close()


if __name__ == "__main__":
    main()
