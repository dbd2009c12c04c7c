"""How recipes of `Seq2Seq` and `Seq2SeqAttention` are trained and judged."""

import functools

import keras
import numpy as np

from kerasrnn.inspection import (
    attention_maps_figure,
    bleu_by_length_figure,
    translation_attention,
)
from kerasrnn.metrics import bleu_interval, require_sacrebleu, translation_scores
from kerasrnn.training.search_results import (
    beam_options,
    best_lines,
    count_cut,
    spread,
    write_tsv,
)
from kerasrnn.training.task_kind import (
    PARTS,
    TaskKind,
    example_of,
    keywords,
    metric_names,
    quoted,
    table,
    with_spread,
)
from kerasrnn.training.translation.nearest_pairs import nearest_pairs
from kerasrnn.training.translation.swapped_columns import columns_are_swapped
from kerasrnn.training.translation.translation_data import TranslationData, pair_ids
from kerasrnn.training.translation.translation_samples import (
    TranslationSamples,
    sample_lines,
)
from kerasrnn.training.translation.translation_scores import (
    TranslationScores,
    translate_texts,
)
from kerasrnn.zoo import Seq2Seq, Seq2SeqAttention
from kerasrnn.zoo.preset import preprocessor_class

TRANSLATIONS_FILE = "translations.tsv"
SHOWN = 20
# Of the user's own pairs an epoch has so many steps, where batches of LEAST_TOKENS
# allow it.
STEPS, LEAST_TOKENS = 60, 500
# Tokens of the user's own texts that are read and written, at most.
LONGEST = 400
# Of fewer pairs the network has at most so many units.
UNITS = ((2_000, 128), (10_000, 256))
# Sentences by the words of their source: at most so many.
LENGTHS = (10, 20, 30, 40, 60)


class Translation(TaskKind):
    """Translating sentences.

    Args:
        config: The recipe.
        path: A file of source<tab>target in place of the recipe's data, or None.
        log: Called with every line for the user.
        source: What to begin with, a trained translator, or None: anew.
    """

    models = (Seq2Seq, Seq2SeqAttention)
    monitor = "val_bleu"
    selected_by = "validation_bleu"
    headline = "test_bleu"
    files = (TRANSLATIONS_FILE,)
    data_format = "a file with source<tab>target on each line"
    printed = "the translation; with --n-best N as many lines, the best first"
    exported = "texts in, translations out"
    progress = {"val_bleu": "BLEU {:.1f}", "val_chrf": "chrF {:.1f}"}
    figures = {
        "bleu_by_length.png": "BLEU by the length of the source",
        "attention_maps.png": "Attention maps",
        "learning_curve.png": "Learning curve",
    }
    unit = "pairs"
    few = 20_000
    of_few = (
        "a translator that begins with nothing learns single words and phrases of "
        "them. One that is trained already is a better beginning (--from)."
    )
    plural = "translators"
    options = ("beam", "n_best", "scores")
    served_example = (
        'print(answer(text=tf.constant(["a text of your own"]))["text"]'
        ".numpy()[0].decode())"
    )

    def __init__(self, config, path=None, log=print, source=None):
        self.search, self.tokenize = search_and_tokenize(config.get("evaluation", {}))
        require_sacrebleu(self.tokenize)
        super().__init__(config, path, log, source)
        self.piece_dropout = config["training"].get("piece_dropout", 0.0)
        if not 0 <= self.piece_dropout <= 1:
            raise ValueError(
                "`piece_dropout` of a recipe must be from 0 to 1; got "
                f"{self.piece_dropout!r}."
            )
        # The first epoch's are asked for twice: to count the steps, and to learn.
        self.cut_texts = functools.lru_cache(maxsize=1)(self._cut_texts)
        self.splits = load_pair_splits(config["data"], path)
        left_out = sum(part.left_out for part in self.splits.values())
        if path is not None and left_out:
            log(f"Left out: {left_out:,} pairs with nothing on one side")
        if path is not None:
            if source is not None:
                _tell_swapped_columns(
                    path, source.preprocessor, self.splits["train"], log
                )
            self._fit_sizes()
        self.max_length = self.search.setdefault("max_length", 100)

    def _fit_sizes(self):
        """Fewer pieces, smaller batches and networks for fewer pairs."""
        train = self.splits["train"]
        words = self._words()
        why = f"{len(train):,} pairs, {words:,} words"
        # Some pieces to a word, on the longer side.
        most = max(LEAST_TOKENS, words * 2 // STEPS)
        self.derive_at_most("training", "max_tokens", most, why)
        if self.source is None:
            self.derive_at_most("preprocessor", "max_tokens", pieces_for(words), why)
            units = next((units for pairs, units in UNITS if len(train) < pairs), None)
            for name in ("units", "embedding_dim") if units else ():
                self.derive_at_most("model", name, units, why)

    def _words(self):
        """How many words the training texts of one language have."""
        train = self.splits["train"]
        words = (len(str(x).split()) for x in (*train.sources, *train.targets))
        return sum(words) // 2

    @property
    def data_results(self) -> dict:
        """What `results.json` says of the data, beside name and number."""
        return {
            "languages": list(self.splits["train"].languages),
            "left_out": {name: part.left_out for name, part in self.splits.items()},
        }

    @functools.cached_property
    def tokenizer(self):
        """The source's tokenizer or the recipe's, which the training texts taught."""
        self.log("Learning the vocabularies")
        train = self.splits["train"]
        texts = list(train.sources), list(train.targets)
        if self.source is not None:
            most = pieces_for(self._words()) // 2
            pair = self.grown_tokenizer(*texts, most=most)
        else:
            pair = self._new_tokenizer(*texts)
        if self.path is not None:
            read = zip((pair.source, pair.target), texts, strict=True)
            self.derive_length(LONGEST, *read)
        return pair

    def _new_tokenizer(self, sources, targets):
        options = dict(self.config["preprocessor"])
        pair_class = preprocessor_class(options.pop("class", "PairTokenizer"))
        tokenizer_class = preprocessor_class(
            options.pop("tokenizer", "SubwordTokenizer")
        )
        shared = options.pop("shared", False)
        tokenizers = []
        for texts in [[*sources, *targets]] if shared else [sources, targets]:
            tokenizers.append(tokenizer_class(**options))
            tokenizers[-1].adapt(texts)
        return pair_class(*tokenizers)

    def _fit_search(self):
        """Let translations be as long as those of the user's own that are learned."""
        lengths = self.token_ids["train"][1].row_lengths().numpy()
        longest = int(lengths.max()) - 1  # The start token is given.
        if longest > self.max_length:
            why = f"the longest translation has {longest} tokens"
            self.config.setdefault("evaluation", {})
            self.derive("evaluation", "max_length", longest, why)
            self.search["max_length"] = self.max_length = longest

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
            counts[f"{name}_sources"] = count_cut(
                tokenizer.source, part.sources, sources
            )
            counts[f"{name}_targets"] = count_cut(
                tokenizer.target, part.targets, targets
            )
        return counts

    def build_model(self, seed: int):
        """The untrained model."""
        keras.utils.set_random_seed(seed)
        tokenizer = self.tokenizer
        if self.source is not None:
            model = self.started_model(tokenizer)
        else:
            model = self.model_class(self.config["task"])(
                tokenizer.source_vocabulary_size,
                tokenizer.target_vocabulary_size,
                start_id=tokenizer.start_id,
                end_id=tokenizer.end_id,
                preprocessor=tokenizer,
                **self.config["model"],
            )
        if self.path is not None:
            self._fit_search()
        # Other epochs may have a step more or less.
        steps = len(self.fit_data(model).order(seed, 0))
        model.compile(self.optimizer(steps))
        cut = {name: count for name, count in self.cut.items() if count}
        if cut:
            listed = ", ".join(f"{n:,} {name}" for name, n in cut.items())
            self.log(
                f"Cut to {tokenizer.source.max_length} pieces: "
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
                tokenize=self.tokenize,
            ),
            cut=self.cut_texts if self.piece_dropout else None,
        )

    def _cut_texts(self, seed, epoch):
        """Numbers of the training texts, cut otherwise in every epoch."""
        seed = seed * 10_000 + epoch
        tokenizer = self.tokenizer.with_dropout(self.piece_dropout, seed=seed)
        return pair_ids(tokenizer, self.splits["train"])

    def told_apart(self, metrics: dict) -> bool:
        """Whether BLEU is well above that of what was written of other sentences."""
        return metrics["val_bleu"] > 2 * metrics["val_bleu_of_others"]

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
        scores_of = functools.partial(translation_scores, tokenize=self.tokenize)
        found = translate_texts(model, test.sources, label="test", **self.search)
        scores = scores_of(found, test.targets)
        first = scores_of(found[:500], test.targets[:500])
        of_greedy = scores_of(
            translate_texts(model, test.sources, label="test, greedy", **greedy),
            test.targets,
        )
        # What is left when the model is shown another sentence than the one to
        # translate: what it knows of the language alone.
        others = np.random.default_rng(0).permutation(len(test))
        of_others = scores_of(
            translate_texts(
                model, test.sources[others], label="test, other sources", **greedy
            ),
            test.targets,
        )
        of_validation = scores_of(
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
            "bleu_by_length": bleu_by_length(
                test.sources, test.targets, found, tokenize=self.tokenize
            ),
            "evaluation": self.search | {"tokenize": self.tokenize},
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

    def judge_peers(self) -> dict[str, float]:
        """Test BLEU of the translations of the most similar training sources."""
        test = self.splits["test"]
        name, found = nearest_pairs(self.splits["train"], test.sources)
        scores = translation_scores(found, test.targets, tokenize=self.tokenize)
        return {name: scores["bleu"]}

    def draw(self, model, run, folder):
        """The figures of the run that is kept."""
        super().draw(model, run, folder)
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

    @classmethod
    def evaluate(cls, model, data, path, settings, log, *, part=None):
        search, tokenize = search_and_tokenize(settings)
        require_sacrebleu(tokenize)
        pairs = _pairs(data, "test") if path is None else pairs_of_file(path, part)
        if path is not None:
            _tell_swapped_columns(path, model.preprocessor, pairs, log)
        found = translate_texts(model, pairs.sources, label="translating", **search)
        scores = translation_scores(found, pairs.targets, tokenize=tokenize)
        log(f"{len(pairs):,} sentences")
        log(f"  BLEU {scores['bleu']:.2f}  {scores['bleu_signature']}")
        log(f"  chrF {scores['chrf']:.2f}  {scores['chrf_signature']}")
        log(f"  length ratio {scores['length_ratio']:.3f}\n")
        rows = bleu_by_length(pairs.sources, pairs.targets, found, tokenize=tokenize)
        log(length_table(rows))
        return scores | {"bleu_by_length": rows}

    @classmethod
    def check_options(cls, model, **options):
        beam_options(**options)

    @classmethod
    def predict(cls, model, batches, *, alone, beam=None, n_best=None, scores=False):
        search = beam_options(beam, n_best)
        for texts in batches:
            found, of_found = model.generate(
                texts, return_scores=True, verbose=0, **search
            )
            for best, of_best in zip(found, of_found, strict=True):
                yield from best_lines(best, of_best, scores)

    @classmethod
    def usage(cls, recipe):
        search, _ = search_and_tokenize(recipe.config.get("evaluation", {}))
        options = f", {keywords(search)}" if search else ""
        return f"texts = [{quoted(example_of(recipe))}]\nmodel.generate(texts{options})"

    @classmethod
    def told_of_results(cls, recipe, run, table_of):
        """How scores were counted, what they are without the source, and by length."""
        results = recipe.results
        parts = [
            table_of(metric_names(recipe)),
            "BLEU and chrF go from 0 to 100, as sacreBLEU counts them: "
            f"`{run['bleu_signature']}` and `{run['chrf_signature']}`. Accuracy, loss "
            "and perplexity are those of single tokens, told the right ones before "
            "them.",
        ]
        names = ("test_bleu_greedy", "test_bleu_shuffled_sources")
        if all(name in results["metrics"] for name in names):
            score, control = (with_spread(results, name) for name in names)
            parts.append(
                f"By greedy search it has a BLEU of {score}; given the sources of "
                f"other sentences, {control}: so much comes from what it knows of the "
                "language alone."
            )
        rows = [
            (
                f"{row['low']} to {row['high']}",
                f"{row['sentences']:,}",
                f"{row['bleu']:.1f}",
            )
            for row in run["bleu_by_length"]
        ]
        head = ("words of the source", "sentences", "test BLEU")
        return [*parts, table(head, rows)]


def search_and_tokenize(evaluation: dict) -> tuple[dict, str]:
    """How a recipe's `evaluation` lets texts be written, and how BLEU cuts them.

    Example:

    >>> search_and_tokenize({"search": "beam", "tokenize": "char"})
    ({'search': 'beam'}, 'char')
    """
    search = dict(evaluation)
    return search, search.pop("tokenize", "13a")


def _tell_swapped_columns(path, tokenizer, pairs, log):
    if columns_are_swapped(tokenizer, pairs):
        log(
            f"The columns of {path} seem to be swapped: the first one reads like "
            "what the model writes. It must hold source<tab>target."
        )


def pieces_for(words: int) -> int:
    """How many pieces a vocabulary has, at most, for texts of so many words.

    As vocabularies grow with their texts: by the root of their length.

    Example:

    >>> pieces_for(1_000), pieces_for(40_000), pieces_for(800_000)
    (386, 1060, 3837)
    """
    return 260 + int(4 * words**0.5)


def bleu_by_length(
    sources, references, hypotheses, *, tokenize: str = "13a"
) -> list[dict]:
    """BLEU of sentences of like length, by the words of their sources.

    Args:
        sources: what was translated.
        references: the right translations.
        hypotheses: those that were found.
        tokenize: how BLEU tells words apart, as `translation_scores` takes it.

    Returns:
        For each range of lengths that there is: `low` and `high`, in words, `high`
        None where there is no limit; how many `sentences`; their `bleu`; and its
        `interval`, 95 % by bootstrap.
    """
    lengths = np.array([len(str(source).split()) for source in sources])
    rows, low = [], 1
    for high in (*LENGTHS, None):
        places = np.flatnonzero((low <= lengths) & (lengths <= (high or np.inf)))
        if len(places):
            both = [hypotheses[i] for i in places], [references[i] for i in places]
            row = {"low": low, "high": high, "sentences": len(places)}
            row["bleu"] = translation_scores(*both, tokenize=tokenize)["bleu"]
            interval = bleu_interval(*both, tokenize=tokenize)
            rows.append(row | {"interval": list(interval)})
        low = (high or 0) + 1
    return rows


def length_table(rows) -> str:
    """`bleu_by_length` as lines of text.

    Example:

    >>> print(length_table([{"low": 1, "high": 10, "sentences": 1200, "bleu": 31.25}]))
    source words  sentences  BLEU
            1-10      1,200  31.2
    """
    lines = ["source words  sentences  BLEU"]
    for row in rows:
        words = f"{row['low']}-{row['high'] or ''}"
        lines.append(f"{words:>12}  {row['sentences']:9,}  {row['bleu']:4.1f}")
    return "\n".join(lines)


def load_pair_splits(data: dict, path=None) -> dict:
    """Training, validation and test pairs of texts.

    Args:
        data: The `data` section of a recipe: `name` of a TFDS data set; `languages`,
            from which to which; `splits`, what it calls `train`, `validation` and
            `test`; `max_words`, longer pairs are left out; and `train_max_words`, in
            its place for training.
        path: A file of source<tab>target in place of the data set.
    """
    from kerasrnn.data import read_pairs

    if path is not None:
        return read_pairs(path)
    return {part: _pairs(data, part) for part in PARTS}


def _pairs(data, part):
    from kerasrnn.data import load_translation

    limit = data.get("max_words")
    if part == "train":
        limit = data.get("train_max_words", limit)
    languages = data.get("languages")
    return load_translation(
        data["name"],
        data.get("splits", {}).get(part, part),
        languages=None if languages is None else tuple(languages),
        max_words=limit,
    )


def pairs_of_file(path, part=None):
    """The pairs of a file of source<tab>target: of one part, or of all."""
    from kerasrnn.data import read_pairs

    parts = read_pairs(path)
    if part is not None:
        return parts[part]
    return parts["train"] + parts["validation"] + parts["test"]
