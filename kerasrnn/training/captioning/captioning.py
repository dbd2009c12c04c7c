"""How recipes of `ImageCaptioner` and `AttentionCaptioner` are trained and judged."""

import functools
import importlib.util
import itertools
import operator
import os
import pathlib

import keras
import numpy as np

from kerasrnn.inspection import (
    caption_attention,
    caption_attention_figure,
    caption_gallery_figure,
    write_gallery,
)
from kerasrnn.metrics import (
    caption_scores,
    caption_tokens,
    cider_d,
    require_sacrebleu,
)
from kerasrnn.text.tokenizer import UNKNOWN_ID
from kerasrnn.training.captioning.caption_card import (
    CAPTION_SCORES,
    caption_samples,
    caption_table,
    captioned,
    of_captions,
)
from kerasrnn.training.captioning.caption_data import CaptionData, caption_ids
from kerasrnn.training.captioning.caption_samples import CaptionSamples, caption_lines
from kerasrnn.training.captioning.caption_scores import CaptionScores, scores_of_groups
from kerasrnn.training.captioning.encoder_tuning import EncoderTuning, NamedFeatures
from kerasrnn.training.captioning.nearest_captions import (
    nearest_neighbour_captions,
    pooled,
)
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
    Unreadable,
    example_of,
    keywords,
    metric_names,
    quoted,
)
from kerasrnn.vision import (
    ImageEncoder,
    TunedBlocks,
    cached_features,
    imagenet_class_names,
    read_images,
    tuned_features,
)
from kerasrnn.zoo import AttentionCaptioner, ImageCaptioner, Task
from kerasrnn.zoo.preset import preprocessor_class

CAPTIONS_FILE = "captions.tsv"
GALLERY_FILE = "gallery.html"
SHOWN = 24
# Of the user's own pictures an epoch has so many steps, where batches of 8 allow it.
STEPS = 10
# Tokens of their captions that are learned, at most.
LONGEST = 200
PICTURES = 32  # that are captioned at a time
SCORES = ("cider_d", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "exact_match")


class Captioning(TaskKind):
    """Saying what pictures show.

    The encoder stays as it is, all but the blocks that `fine_tune` counts, and its
    features of all pictures are computed once and kept on disk.

    Args:
        config: The recipe.
        path: A folder of pictures with a `captions.tsv` in place of the recipe's data,
            or None.
        log: Called with every line for the user.
        source: What to begin with, a trained captioner, or None: anew.
    """

    models = (ImageCaptioner, AttentionCaptioner)
    monitor = "val_cider_d"
    selected_by = "validation_cider_d"
    headline = "test_cider_d"
    files = (CAPTIONS_FILE,)
    pages = (GALLERY_FILE,)
    data_format = (
        "a folder of pictures, with a file captions.tsv in it that has "
        "file<tab>caption on each line"
    )
    printed = (
        "the texts are names of picture files: the caption; of several pictures, or of "
        "standard input, the file's name and a tab before each"
    )
    exported = "the bytes of pictures in, captions out"
    progress = {"val_cider_d": "CIDEr-D {:.3f}"}
    figures = {
        "gallery.png": "Test pictures, the right captions first, some from the middle, "
        "and the worst: what people say of them, and what the model says",
        "attention.png": "Where it looks for every word",
        "learning_curve.png": "Learning curve",
    }
    unit = "pictures"
    few = 2000
    of_few = (
        "a captioner that begins with nothing learns to name what looks alike. One "
        "that is trained already is a better beginning (--from)."
    )
    plural = "captioners"
    input_example = "photo.png"
    options = ("beam", "n_best", "scores", "attention")
    served_example = """\
picture = tf.io.read_file("photo.png")
print(answer(image_bytes=[picture])["caption"].numpy()[0].decode())"""

    def __init__(self, config, path=None, log=print, source=None):
        require_sacrebleu()
        super().__init__(config, path, log, source)
        self.splits = load_caption_splits(config["data"], path)
        if path is not None:
            captions = sum(map(len, self.splits["train"].captions))
            why = f"{captions:,} captions to learn from"
            self.derive_at_most(
                "training", "batch_size", max(8, captions // STEPS), why
            )
        self.search = dict(config.get("evaluation", {}))
        groups = self.search.pop("groups", None)
        # Pictures of the user's own are of no kind that a recipe knows.
        self.named_groups = groups if path is None else None
        if config["model"].get("fine_tune") is True:
            raise ValueError(
                "`fine_tune` of a recipe must be false, or a number of blocks: what "
                "those before them make of pictures is computed once. Fine-tune all of "
                "a trained model with `fit`."
            )
        if config["model"].get("encoder_weights", "imagenet") is None:
            raise ValueError(
                "`encoder_weights` of a recipe must name weights that can be had "
                "again, such as 'imagenet': a preset holds none; got null."
            )
        self.tuning = self._encoder_tuning()
        named = config["model"].get("named_classes", 0)
        if named not in (0, "imagenet"):
            raise ValueError(
                f'`named_classes` of a recipe must be "imagenet" or 0; got {named!r}.'
            )

    def _encoder_tuning(self):
        """How blocks learn before the captioner does; None: with it, or not at all."""
        training = self.config["training"]
        if "encoder" not in training:
            if self.source is None and self.config["model"].get("known_captions"):
                raise ValueError(
                    "`known_captions` in `model` needs `encoder` in `training`, which "
                    "tells captions apart; got none."
                )
            return None
        if not self.config["model"].get("fine_tune"):
            raise ValueError(
                "`encoder` in `training` needs `fine_tune` in `model`, the number of "
                "blocks that learn; got "
                f"fine_tune={self.config['model'].get('fine_tune', False)!r}."
            )
        if self.path is not None or self.source is not None:
            why = "pictures of your own are few" if self.path else "they have learned"
            self.derive("training", "encoder", training["encoder"] | {"epochs": 0}, why)
        return EncoderTuning(**training["encoder"])

    @property
    def data_results(self) -> dict:
        """What `results.json` says of the data, beside name and number."""
        return {
            "captions": {
                name: sum(map(len, part.captions)) for name, part in self.splits.items()
            },
            "scored": {
                name: {group: len(rows) for group, rows in self.groups(name).items()}
                for name in ("validation", "test")
            },
        }

    @functools.cached_property
    def encoder(self) -> ImageEncoder:
        """What makes features of pictures, without the blocks that are trained."""
        model = self.config["model"]
        return ImageEncoder(
            model.get("encoder", "efficientnet_lite0"),
            model.get("encoder_weights", "imagenet"),
            without_blocks=int(model.get("fine_tune", 0)),
        )

    @functools.cached_property
    def features(self) -> dict[str, np.ndarray]:
        """What the encoder makes of all pictures of each split, (N, L, D)."""
        return {name: self.features_of(name) for name in self.splits}

    def features_of(self, split):
        """What the encoder makes of the pictures of a split, computed once."""
        examples = self.splits[split]
        found = cached_features(self.encoder, examples, log=self.log)
        # A model that looks but once sees the mean over all places.
        attends = issubclass(self.model_class(self.config["task"]), AttentionCaptioner)
        if attends or self.config["model"].get("fine_tune"):
            return found
        return pooled(found)[:, None]

    def pooled_features(self, split):
        """The mean over all places of what ImageNet's encoder makes of each picture."""
        features = self.features[split]
        if blocks := self.config["model"].get("fine_tune"):
            means = tuned_features(TunedBlocks(blocks), features)
            return np.concatenate([pooled(part) for part in means])
        return pooled(features)

    @functools.cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names that captions may borrow of the encoder's network."""
        return (
            imagenet_class_names() if self.config["model"].get("named_classes") else ()
        )

    @functools.cached_property
    def tokenizer(self):
        """The source's tokenizer or the recipe's, which the captions have taught."""
        train = self.splits["train"]
        texts = [text for texts in train.captions for text in texts]
        if self.source is not None:
            tokenizer = self.grown_tokenizer([*texts, *self.class_names])
        else:
            tokenizer = self._new_tokenizer(texts)
        if self.path is not None:
            self.derive_length(LONGEST, (tokenizer.target, texts))
        return tokenizer

    def _new_tokenizer(self, texts):
        options = dict(self.config["preprocessor"])
        target_class = preprocessor_class(options.pop("class", "TargetTokenizer"))
        tokenizer = preprocessor_class(options.pop("tokenizer", "WordTokenizer"))(
            **options
        )
        tokenizer.adapt([*texts, *self.class_names])
        return target_class(tokenizer)

    @functools.cached_property
    def token_ids(self) -> dict[str, tuple]:
        """Token ids of all captions of each split, and whose they are."""
        return {
            name: caption_ids(self.tokenizer, part.captions)
            for name, part in self.splits.items()
        }

    @functools.cached_property
    def cut(self) -> dict[str, int]:
        """How many captions of each split the tokenizer's `max_length` cuts."""
        counts = {}
        for name, part in self.splits.items():
            texts = np.array(
                [text for texts in part.captions for text in texts], object
            )
            ids, _ = self.token_ids[name]
            counts[name] = count_cut(self.tokenizer.target, texts, ids)
        return counts

    def _tell_long_captions(self):
        """Tell how many captions are cut, and how many are not learned from."""
        if cut := {name: count for name, count in self.cut.items() if count}:
            listed = ", ".join(f"{n:,} {name}" for name, n in cut.items())
            most = self.tokenizer.target.max_length
            self.log(f"Cut to {most} words: {listed} captions")
        most = self.config["training"].get("max_tokens", 40)
        lengths = self.token_ids["train"][0].row_lengths().numpy()
        if count := int(np.count_nonzero(lengths > most)):
            self.log(
                f"Not learned from: {count:,} train captions of more than {most} "
                "words, start and end included"
            )

    def groups(self, split) -> dict[str, np.ndarray]:
        """Rows of the pictures that are scored together, by the group's name.

        Pictures that only vary others, as emoji in another skin tone do, are left
        out: they would count many times.
        """
        part = self.splits[split]
        kinds, variants = np.array(part.kinds), np.array(part.variants)
        named = self.named_groups or {"all": sorted(set(part.kinds))}
        groups = {
            name: np.flatnonzero(np.isin(kinds, of_group) & ~variants)
            for name, of_group in named.items()
        }
        return {name: rows for name, rows in groups.items() if len(rows)}

    def build_model(self, seed: int):
        """The untrained model."""
        keras.utils.set_random_seed(seed)
        tokenizer = self.tokenizer
        if self.source is not None:
            # It has learned how features are scaled, too.
            model = self.started_model(tokenizer)
        else:
            options = dict(self.config["model"])
            if self.tuned_source is not None:
                options["tuned_weights"] = None
            if self.config["model"].get("known_captions"):
                learned = self.tuning.epochs
                names = self.named_features["train"].names if learned else ()
                options |= {"known_captions": len(names)}
            model = self.model_class(self.config["task"])(
                tokenizer.target_vocabulary_size,
                start_id=tokenizer.start_id,
                end_id=tokenizer.end_id,
                preprocessor=tokenizer,
                **options,
            )
            if self.tuned_source is not None:
                model.tuned_blocks.set_weights(self.tuned_source.get_weights())
            if self.tuning is None:  # or else once the blocks have learned
                model.adapt(self.features["train"])
        if self.class_names:
            model.name_classes(self.class_names)
        steps = len(self.fit_data(model).order(seed, 0))
        model.compile(self.optimizer(steps))
        self._tell_long_captions()
        return model

    def prepare(self, model, folder, seed, workers):
        if self.tuning is None:
            return
        if workers.count > 1:
            raise ValueError(
                "A recipe with `encoder` in `training` is for one process; got "
                f"{workers.count} workers."
            )
        blocks = model.tuned_blocks
        # Those of another captioner are what is learned from.
        blocks.trainable = self.tuned_source is None
        if self.tuning.epochs:
            train = self.named_features["train"]
            softmax = self.tuning.run(
                blocks,
                train,
                self.named_features["validation"],
                folder=folder / "encoder",
                seed=seed,
                log=self.log,
            )
        # They stay as they are now.
        blocks.trainable = False
        if self.source is None:
            model.adapt(self.features["train"])
        if self.tuning.epochs and model.known_captions:
            model.know_captions(train.names.tolist(), *softmax)

    @functools.cached_property
    def tuned_source(self) -> TunedBlocks | None:
        """The blocks of the captioner that `tuned_weights` names, or None."""
        name = self.config["model"].get("tuned_weights", "imagenet")
        if name == "imagenet" or self.source is not None:
            return None
        blocks = getattr(Task.from_preset(name), "tuned_blocks", None)
        found = None if blocks is None else blocks.blocks
        if found != self.config["model"].get("fine_tune"):
            raise ValueError(
                '`tuned_weights` of a recipe must be "imagenet", or a captioner with '
                f"`fine_tune` {self.config['model'].get('fine_tune', False)!r}, as the "
                f"recipe has; got {name!r}, with {found!r}."
            )
        return blocks

    @functools.cached_property
    def named_features(self) -> dict[str, NamedFeatures]:
        """Features and captions of the pictures of each split that vary no other."""
        tokenizer = self.tokenizer
        no_words = (0, UNKNOWN_ID, tokenizer.start_id, tokenizer.end_id)
        return {
            name: NamedFeatures(
                self.features[name],
                np.flatnonzero(~np.array(self.splits[name].variants, bool)),
                self.splits[name].captions,
                tokenizer.target_ids,
                no_words,
            )
            for name in ("train", "validation")
        }

    def fit_data(self, model):
        """What `resumable_fit` learns from."""
        training, validation = self.config["training"], self.splits["validation"]
        groups = self.groups("validation")
        rows = np.concatenate([*groups.values()])
        ends = np.cumsum([len(of_group) for of_group in groups.values()])
        starts = [0, *ends[:-1]]
        return CaptionData(
            self.features["train"],
            self.token_ids["train"],
            (self.features["validation"], self.token_ids["validation"]),
            variants=self.splits["train"].variants,
            variant_share=training.get("variant_share", 1.0),
            max_tokens=training.get("max_tokens", 40),
            batch_size=training.get("batch_size", 64),
            **self._shifts(model),
            scores=CaptionScores(
                self.features["validation"][rows].astype("float32"),
                [validation.captions[row] for row in rows],
                groups={
                    name: np.arange(start, end)
                    for name, start, end in zip(groups, starts, ends, strict=True)
                },
                batch_size=128,
            ),
        )

    def _shifts(self, model):
        """How pictures are moved, in training: as the blocks learned them."""
        if self.tuning is None:
            return {}
        return {"grid": model.tuned_blocks.grid, "shift": self.tuning.shift}

    def after_epoch(self, model) -> list:
        """What else is to be done after epochs: show a few captions."""
        rows = self._shown("validation", 3)
        samples = CaptionSamples(
            self.features["validation"][rows].astype("float32"),
            [self.splits["validation"].captions[row] for row in rows],
            every=self.config["training"].get("samples_every", 1),
            log=self.log,
        )
        samples.set_model(model)
        return [samples.on_epoch_end]

    def _shown(self, split, count):
        """A few of the pictures that are scored, of every group."""
        groups = self.groups(split).values()
        each = -(-count // len(groups))
        rows = [rows[spread(len(rows), each)] for rows in groups]
        return np.concatenate(rows)[:count]

    @functools.cached_property
    def nearest_captions(self) -> list[str]:
        """What is said of the training picture that looks most like each test one."""
        return nearest_neighbour_captions(
            self.pooled_features("train"),
            self.splits["train"].captions,
            self.pooled_features("test"),
        )

    def judge_peers(self) -> dict[str, float]:
        """Test CIDEr-D of the captions of the nearest training pictures."""
        groups = self.groups("test")
        if len(groups) > 1:
            return {}  # The table of the groups says it of each.
        scores = scores_of_groups(
            self.nearest_captions, self.splits["test"].captions, groups
        )
        return {"nearest picture": next(iter(scores.values()))["cider_d"]}

    def captions(self, model, split, **search):
        """What a model says of all pictures of a split."""
        return model.generate(self.features[split], batch_size=128, verbose=0, **search)

    def judge(self, model, fitted, folder) -> dict:
        """What the results say of a trained model, as it ships."""
        test = self.splits["test"]
        groups = self.groups("test")
        found = self.captions(model, "test", **self.search)
        greedy = found
        if self.search.get("search", "greedy") != "greedy":
            greedy = self.captions(model, "test")
        # What is left when the model is shown other pictures: what it knows of the
        # captions alone.
        order = np.random.default_rng(0).permutation(len(test))
        of_others = [found[row] for row in order]
        of_validation = scores_of_groups(
            self.captions(model, "validation", **self.search),
            self.splits["validation"].captions,
            self.groups("validation"),
        )
        sides = {"": found, "_greedy": greedy, "_shuffled_images": of_others}
        sides["_nearest_neighbour"] = self.nearest_captions
        scores_of_sides = {
            side: scores_of_groups(captions, test.captions, groups)
            for side, captions in sides.items()
        }
        metrics = {}
        for side, scores in scores_of_sides.items():
            names = SCORES if not side else ("cider_d", "bleu_4")
            for name in names:
                values = [scores[group][name] for group in groups]
                # All groups count alike.
                metrics[f"test_{name}{side}"] = float(np.mean(values))
                if len(groups) > 1:
                    for group, value in zip(groups, values, strict=True):
                        metrics[f"test_{name}{side}_{group}"] = value
        forced = CaptionData.evaluate(
            model, self.features["test"], self.token_ids["test"]
        )
        metrics |= {f"test_{name}": value for name, value in forced.items()}
        metrics["validation_cider_d"] = float(
            np.mean([scores["cider_d"] for scores in of_validation.values()])
        )
        rows = zip(test.keys, [c[0] for c in test.captions], found, strict=True)
        write_tsv(
            folder / CAPTIONS_FILE, rows, header=("key", "reference", "hypothesis")
        )
        return {
            "metrics": metrics,
            "signature": next(iter(scores_of_sides[""].values()))["signature"],
            "evaluation": self.search,
            "cut": self.cut,
            "captions": [
                {
                    "key": test.keys[row],
                    "references": list(test.captions[row]),
                    "hypothesis": found[row],
                }
                for row in self._shown("test", SHOWN).tolist()
            ],
        }

    def draw(self, model, run, folder):
        """The figures of the run that is kept."""
        super().draw(model, run, folder)
        self.draw_captions(model, folder)

    def draw_captions(self, model, folder):
        """Galleries of the test pictures, and where the model looked."""
        test = self.splits["test"]
        found = self.captions(model, "test", **self.search)
        scores = cider_d(found, test.captions).scores
        scored = np.concatenate([*self.groups("test").values()])
        order = best_first(scored, scores, found, test.captions)
        rows = best_middle_worst(order, SHOWN)
        pictures = test.pictures(rows)
        caption_gallery_figure(
            read_images(pictures, model.build_encoder().image_size),
            [test.captions[row] for row in rows],
            [found[row] for row in rows],
            folder / "gallery.png",
            scores=scores[rows],
        )
        if model.attends:
            looks = caption_attention(model, pictures[0])
            caption_attention_figure(*looks, folder / "attention.png")
        # Of all test pictures, since a reader wants to see the failures too.
        write_gallery(
            folder.parent / GALLERY_FILE,
            test.read(),
            test.captions,
            found,
            scores,
            title=f"{self.config['data']['name']}: test pictures",
        )

    def report(self, model, results, run):
        """Tell the user how good the model is."""
        metrics, log = results["metrics"], self.log
        log(
            f"\nTest CIDEr-D {metrics['test_cider_d']:.2f}, on pictures that the model "
            "has not seen"
        )
        for group in self.groups("test"):
            if f"test_cider_d_{group}" in metrics:
                log(f"  {group} {metrics[f'test_cider_d_{group}']:.2f}")
        log(f"  of other pictures {metrics['test_cider_d_shuffled_images']:.2f}")
        log(
            "  of the nearest training picture "
            f"{metrics['test_cider_d_nearest_neighbour']:.2f}"
        )
        log(f"  BLEU-4 {metrics['test_bleu_4']:.1f}  {run['signature']}\n")
        log("Pictures, and what the model says of them:")
        rows = [run["captions"][row] for row in spread(len(run["captions"]), 4)]
        for line in caption_lines(
            [row["references"] for row in rows], [row["hypothesis"] for row in rows]
        ):
            log(line)

    @classmethod
    def evaluate(cls, model, data, path, settings, log, *, part=None):
        require_sacrebleu()
        images = evaluation_captions(data, path, part)
        search = {key: settings[key] for key in settings if key != "groups"}
        found = model.generate(list(images.read()), **search)
        scores = caption_scores(found, images.captions)
        log(f"{len(images):,} pictures")
        for name in ("cider_d", "bleu_1", "bleu_2", "bleu_3", "bleu_4"):
            log(f"  {name.replace('_', '-')} {scores[name]:.2f}")
        log(f"  exact {scores['exact_match']:.1%}")
        log(f"  {scores['signature']}")
        return scores

    @classmethod
    def check_options(cls, model, *, attention=None, **options):
        if attention and not model.attends:
            raise ValueError(
                "--attention is for captioners that attend, such as an "
                f"AttentionCaptioner; this one is an {type(model).__name__}."
            )
        if attention and importlib.util.find_spec("matplotlib") is None:
            raise ValueError(
                "--attention draws with matplotlib: pip install 'kerasrnn[plot]'."
            )
        beam_options(**options)

    @classmethod
    def predict(
        cls,
        model,
        batches,
        *,
        alone,
        beam=None,
        n_best=None,
        scores=False,
        attention=None,
    ):
        search = beam_options(beam, n_best)
        encoder = model.build_encoder()
        files = itertools.chain.from_iterable(batches)
        while names := [os.fsdecode(f) for f in itertools.islice(files, PICTURES)]:
            images = [_picture(name, encoder.image_size) for name in names]
            yield from (image for image in images if isinstance(image, Unreadable))
            seen = [
                (name, image)
                for name, image in zip(names, images, strict=True)
                if not isinstance(image, Unreadable)
            ]
            if not seen:
                continue
            if attention:  # of the first picture that can be read
                caption_attention_figure(
                    *caption_attention(model, seen[0][0]), attention
                )
                attention = None
            found, of_found = model.generate(
                encoder.predict_on_batch(np.concatenate([image for _, image in seen])),
                return_scores=True,
                verbose=0,
                **search,
            )
            for (name, _), best, of_best in zip(seen, found, of_found, strict=True):
                before = "" if alone else f"{name}\t"
                yield from best_lines(best, of_best, scores, before)

    @classmethod
    def usage(cls, recipe):
        settings = dict(recipe.config.get("evaluation", {}))
        settings.pop("groups", None)
        options = f", {keywords(settings)}" if settings else ""
        return f"model.generate({quoted(example_of(recipe, 'photo.png'))}{options})"

    @classmethod
    def told_of_data(cls, data):
        return captioned(data)

    @classmethod
    def told_of_results(cls, recipe, run, table_of):
        # The scores of captions have a table of their own.
        starts = tuple(f"test_{name}" for name in CAPTION_SCORES)
        names = [n for n in metric_names(recipe) if not n.startswith(starts)]
        return [
            caption_table(recipe.results),
            of_captions(recipe.results, run),
            table_of(names),
            caption_samples(run),
        ]


def best_first(rows, scores, found, captions):
    """Rows of captions that are right word for word, then others, each by its score.

    A long caption with one word wrong scores more than a short one that is right.
    """
    wrong = [
        caption_tokens(found[row]) not in map(caption_tokens, captions[row])
        for row in rows
    ]
    return rows[np.lexsort((-scores[rows], wrong))]


def best_middle_worst(order, count):
    """So many of all: a third from the beginning, the middle and the end each.

    Example:

    >>> best_middle_worst(np.arange(100), 6).tolist()
    [0, 1, 49, 50, 98, 99]
    """
    if len(order) <= count:
        return order
    third = count // 3
    middle = len(order) // 2 - third // 2
    return np.concatenate(
        [order[:third], order[middle : middle + third], order[len(order) - third :]]
    )


def _picture(name, size):
    """A picture as the encoder sees it, or why it cannot be read."""
    try:
        return read_images(pathlib.Path(name).read_bytes(), size, names=[name])
    except (OSError, ValueError) as error:
        is_system = isinstance(error, OSError) and error.strerror
        return Unreadable(f"{name}: {error.strerror}" if is_system else error)


def load_caption_splits(data: dict, path=None) -> dict:
    """Training, validation and test pictures with their captions.

    Args:
        data: The `data` section of a recipe: `name` and `config` of a TFDS data set;
            `splits`, what it calls `train`, `validation` and `test`; `kinds`, to
            leave out pictures of others; `most_captions`, the most of a picture; and
            `also`, a list of further data sets with the same keys.
        path: A folder of pictures with a `captions.tsv` in place of the data set.
    """
    from kerasrnn.data import read_captions

    if path is not None:
        return read_captions(path)
    return {part: _captions(data, part) for part in PARTS}


def _captions(data, part):
    from kerasrnn.data import load_captions

    first = load_captions(
        data["name"],
        data.get("splits", {}).get(part, part),
        config=data.get("config"),
        kinds=data.get("kinds"),
        most_captions=data.get("most_captions"),
    )
    return functools.reduce(
        operator.add, (_captions(other, part) for other in data.get("also", ())), first
    )


def evaluation_captions(data: dict | None, path=None, part=None):
    """What to judge a trained captioner on.

    Args:
        data: The `data` section that it was trained on, whose test split is taken,
            without pictures that only vary others, as emoji in another skin tone do;
            or None.
        path: A folder of pictures with a `captions.tsv`. None: `data` says it.
        part: Which part of that folder is used, "test"; None: all of it.
    """
    from kerasrnn.data import read_captions

    if path is None:
        images = _captions(data, "test")
        return images.select(np.flatnonzero(~np.array(images.variants, bool)))
    of_folder = read_captions(path)
    if part is not None:
        return of_folder[part]
    return functools.reduce(operator.add, of_folder.values())
