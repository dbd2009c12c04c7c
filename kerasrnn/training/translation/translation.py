"""How recipes of `Seq2Seq` and `Seq2SeqAttention` are trained and judged."""

import functools

import keras
import numpy as np

from kerasrnn.inspection import (
    attention_maps_figure,
    bleu_by_length_figure,
    learning_curve_figure,
    translation_attention,
)
from kerasrnn.metrics import require_sacrebleu, translation_scores
from kerasrnn.training.recipe_data import load_pair_splits
from kerasrnn.training.recipe_optimizer import recipe_optimizer
from kerasrnn.training.recipe_training import RecipeTraining
from kerasrnn.training.translation.bleu_by_length import bleu_by_length, length_table
from kerasrnn.training.translation.translate_texts import translate_texts
from kerasrnn.training.translation.translation_data import TranslationData, pair_ids
from kerasrnn.training.translation.translation_samples import (
    TranslationSamples,
    sample_lines,
)
from kerasrnn.training.translation.translation_scores import TranslationScores
from kerasrnn.zoo import MODELS, PREPROCESSORS

TRANSLATIONS_FILE = "translations.tsv"
SHOWN = 20


class Translation(RecipeTraining):
    """What `train` needs to know of a recipe that translates.

    Args:
        config: The recipe.
        path: A file of source<tab>target in place of the recipe's data, or None.
        log: Called with every line for the user.
    """

    monitor = "val_bleu"
    selected_by = "validation_bleu"
    files = (TRANSLATIONS_FILE,)

    def __init__(self, config, path=None, log=print):
        require_sacrebleu()
        super().__init__(config, log)
        self.splits = load_pair_splits(config["data"], path)
        self.search = dict(config.get("evaluation", {}))
        self.max_length = self.search.setdefault("max_length", 100)

    @property
    def data_results(self) -> dict:
        """What `results.json` says of the data, beside name and number."""
        return {
            "languages": list(self.splits["train"].languages),
            "left_out": {name: part.left_out for name, part in self.splits.items()},
        }

    @functools.cached_property
    def tokenizer(self):
        """The recipe's tokenizer, which the training texts have taught."""
        self.log("Learning the vocabularies")
        options = dict(self.config["preprocessor"])
        pair_class = PREPROCESSORS[options.pop("class", "PairTokenizer")]
        tokenizer_class = PREPROCESSORS[options.pop("tokenizer", "SubwordTokenizer")]
        shared = options.pop("shared", False)
        train = self.splits["train"]
        tokenizers = []
        for texts in (
            [[*train.sources, *train.targets]]
            if shared
            else [list(train.sources), list(train.targets)]
        ):
            tokenizers.append(tokenizer_class(**options))
            tokenizers[-1].adapt(texts)
        return pair_class(*tokenizers)

    @functools.cached_property
    def token_ids(self) -> dict[str, tuple]:
        """Numbers of sources and targets of all splits, cut into tokens once."""
        return {
            name: pair_ids(self.tokenizer, part) for name, part in self.splits.items()
        }

    @functools.cached_property
    def cut(self) -> dict[str, int]:
        """How many texts of each split are longer than the tokenizer's `max_length`."""
        tokenizer, counts = self.tokenizer, {}
        for name, part in self.splits.items():
            sources, targets = self.token_ids[name]
            counts[f"{name}_sources"] = _count_cut(
                tokenizer.source, part.sources, sources
            )
            counts[f"{name}_targets"] = _count_cut(
                tokenizer.target, part.targets, targets
            )
        return counts

    def build_model(self, seed: int):
        """The untrained model."""
        keras.utils.set_random_seed(seed)
        tokenizer = self.tokenizer
        model = MODELS[self.config["task"]](
            tokenizer.source_vocabulary_size,
            tokenizer.target_vocabulary_size,
            start_id=tokenizer.start_id,
            end_id=tokenizer.end_id,
            preprocessor=tokenizer,
            **self.config["model"],
        )
        training = self.config["training"]
        # Other epochs may have a step more or less.
        steps = len(self.fit_data(model).order(seed, 0))
        model.compile(recipe_optimizer(training, steps))
        cut = {name: count for name, count in self.cut.items() if count}
        if cut:
            listed = ", ".join(f"{n:,} {name}" for name, n in cut.items())
            self.log(
                f"Cut to {self.config['preprocessor']['max_length']} pieces: "
                f"{listed.replace('_', ' ')}"
            )
        return model

    def fit_data(self, model):
        """What `resumable_fit` learns from."""
        training = self.config["training"]
        validation = self.splits["validation"]
        rows = spread(len(validation), training.get("validation_sentences", 500))
        return TranslationData(
            self.token_ids["train"],
            self.token_ids["validation"],
            max_tokens=training.get("max_tokens", 2048),
            scores=TranslationScores(
                validation.sources[rows],
                validation.targets[rows],
                max_length=self.max_length,
            ),
        )

    def after_epoch(self, model) -> list:
        """What else is to be done after every epoch: show a few translations."""
        validation = self.splits["validation"]
        rows = spread(len(validation), 3)
        samples = TranslationSamples(
            validation.sources[rows],
            validation.targets[rows],
            max_length=self.max_length,
            log=self.log,
        )
        samples.set_model(model)
        return [samples.on_epoch_end]

    def judge(self, model, fitted, folder) -> dict:
        """What the results say of a trained model, as it ships."""
        test, validation = self.splits["test"], self.splits["validation"]
        greedy = {"max_length": self.max_length}
        found = translate_texts(model, test.sources, label="test", **self.search)
        scores = translation_scores(found, test.targets)
        first = translation_scores(found[:500], test.targets[:500])
        of_greedy = translation_scores(
            translate_texts(model, test.sources, label="test, greedy", **greedy),
            test.targets,
        )
        # What is left when the model is shown another sentence than the one to
        # translate: what it knows of the language alone.
        others = np.random.default_rng(0).permutation(len(test))
        of_others = translation_scores(
            translate_texts(
                model, test.sources[others], label="test, other sources", **greedy
            ),
            test.targets,
        )
        of_validation = translation_scores(
            translate_texts(
                model, validation.sources, label="validation", **self.search
            ),
            validation.targets,
        )
        forced = TranslationData.evaluate(model, self.token_ids["test"])
        rows = zip(test.sources, test.targets, found, strict=True)
        write_tsv(folder / TRANSLATIONS_FILE, rows)
        tokens = int(self.token_ids["train"][1].row_lengths().numpy().sum())
        tokens -= len(self.splits["train"])  # The start token is given.
        return {
            "metrics": {
                "test_bleu": scores["bleu"],
                "test_chrf": scores["chrf"],
                "test_bleu_500": first["bleu"],
                "test_bleu_greedy": of_greedy["bleu"],
                "test_bleu_shuffled_sources": of_others["bleu"],
                "test_brevity_penalty": scores["brevity_penalty"],
                "test_length_ratio": scores["length_ratio"],
                **{f"test_{name}": value for name, value in forced.items()},
                "validation_bleu": of_validation["bleu"],
                "validation_chrf": of_validation["chrf"],
                "train_tokens_per_second": tokens
                * len(fitted.history)
                / fitted.seconds,
            },
            "bleu_signature": scores["bleu_signature"],
            "chrf_signature": scores["chrf_signature"],
            "bleu_by_length": bleu_by_length(test.sources, test.targets, found),
            "evaluation": self.search,
            "cut": self.cut,
            "translations": [
                {
                    "source": str(test.sources[row]),
                    "reference": str(test.targets[row]),
                    "hypothesis": found[row],
                }
                for row in spread(len(test), SHOWN)
            ],
        }

    def draw(self, model, run, folder):
        """The figures of the run that is kept."""
        learning_curve_figure(
            run["history"],
            folder / "learning_curve.png",
            kept_epoch=run["kept_epochs"][0],
        )
        bleu_by_length_figure(
            {self.config["task"]: run["bleu_by_length"]}, folder / "bleu_by_length.png"
        )
        if model.attends:
            texts = self.config.get("examples") or self._shown(run, "source", 3)
            seen = translation_attention(
                model, texts[:4], max_length=self.max_length, merge_pieces=True
            )
            attention_maps_figure(*seen, folder / "attention_maps.png")

    @staticmethod
    def _shown(run, column, count):
        rows = run["translations"]
        return [rows[row][column] for row in spread(len(rows), count)]

    def report(self, model, results, run):
        """Tell the user how good the model is."""
        metrics, log = results["metrics"], self.log
        of_seeds = ""
        if len(results["runs"]) > 1:
            of_seeds = (
                f" ± {metrics['test_bleu_std']:.1f}, mean of "
                f"{len(results['runs'])} seeds"
            )
        log(
            f"\nTest BLEU {metrics['test_bleu']:.1f}{of_seeds}, on "
            f"{len(self.splits['test']):,} sentences that the model has not seen"
        )
        log(f"  greedy {metrics['test_bleu_greedy']:.1f}")
        log(f"  of other sources {metrics['test_bleu_shuffled_sources']:.1f}")
        log(f"  chrF {metrics['test_chrf']:.1f}")
        log(f"  {run['bleu_signature']}\n")
        log(length_table(run["bleu_by_length"]))
        log("\nThree sentences, and what the model makes of them:")
        columns = ("source", "reference", "hypothesis")
        for line in sample_lines(*(self._shown(run, name, 3) for name in columns)):
            log(line)


def spread(count: int, wanted: int) -> np.ndarray:
    """At most so many of the numbers below `count`, evenly spread.

    Example:

    >>> spread(100, 4).tolist()
    [0, 33, 66, 99]
    """
    return np.linspace(0, count - 1, min(count, wanted)).astype(int)


def _count_cut(tokenizer, texts, ids):
    """How many of the texts do not fit into the tokenizer's `max_length`."""
    if tokenizer.max_length is None:
        return 0
    # The others are not full; to cut all texts into tokens again takes long.
    full = texts[ids.row_lengths().numpy() > tokenizer.max_length]
    return int(np.count_nonzero(tokenizer.count_cut(list(full)))) if len(full) else 0


def write_tsv(path, rows, header=("source", "reference", "hypothesis")):
    """Write rows of texts, tabs between and no line breaks within them."""
    lines = [
        "\t".join(" ".join(str(cell).split()) for cell in row)
        for row in [header, *rows]
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def report_translation(model, pairs, search, log=print) -> dict:
    """Judge a translator on pairs of texts, and tell the user."""
    found = translate_texts(model, pairs.sources, label="translating", **search)
    scores = translation_scores(found, pairs.targets)
    log(f"{len(pairs):,} sentences")
    log(f"  BLEU {scores['bleu']:.2f}  {scores['bleu_signature']}")
    log(f"  chrF {scores['chrf']:.2f}  {scores['chrf_signature']}")
    log(f"  length ratio {scores['length_ratio']:.3f}\n")
    rows = bleu_by_length(pairs.sources, pairs.targets, found)
    log(length_table(rows))
    return scores | {"bleu_by_length": rows}
