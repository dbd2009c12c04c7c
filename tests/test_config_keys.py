"""The page `zoo/README.md` and the code say the same of every key of `config.yaml`."""

import ast
import inspect
import re
from pathlib import Path

import pytest
import yaml

from kerasrnn import decoding, text, zoo
from kerasrnn.catalogue import list_recipes, load_recipe
from kerasrnn.training import TextSamples
from kerasrnn.training.captioning.encoder_tuning import EncoderTuning
from kerasrnn.training.recipe_optimizer import OPTIONS
from kerasrnn.vision import PictureReader
from kerasrnn.zoo.decoder.decoder_task import DecoderTask

ROOT = Path(__file__).parents[1]
TRAINING = ROOT / "kerasrnn" / "training"
FOR_ALL = [
    *(TRAINING / f"{name}.py" for name in ("train", "task_kind", "recipe_optimizer")),
    *(TRAINING / f"{name}.py" for name in ("report", "evaluate")),
    ROOT / "kerasrnn" / "catalogue.py",
]
# Heading of the page: the folder of the code that reads its keys.
KINDS = {
    "Classifiers": "sentiment",
    "Translators": "translation",
    "Captioners": "captioning",
    "Character models": "language_model",
    "Forecasters": "forecasting",
    "Taggers": "tagging",
    "Classifiers of images": "glimpses",
}
TOKENIZERS = (
    *("WordTokenizer", "SubwordTokenizer", "CharacterTokenizer"),
    "SpelledWordTokenizer",
)
# Variables that hold a section.
NAMES = {"preprocessor": {"preprocessor", "options"}, "evaluation": {"search"}}
# Arguments that are no keys: the tokenizer says them, or the recipe cannot mean them.
NOT_OF_MODELS = {
    *("self", "kwargs", "preprocessor", "labels", "embedding_matrix", "start_id"),
    *("end_id", "vocabulary_size", "source_vocabulary_size", "target_vocabulary_size"),
    *("feature_dim", "frame_dim", "image_shape", "letter_count"),
}
NOT_OF_TOKENIZERS = {"self", "kwargs", "vocabulary", "characters", "letters"}
NOT_OF_TOKENIZERS |= {"add_start", "add_end"}  # the pair adds them
NOT_OF_SEARCHES = {
    *("self", "inputs", "options", "batch_size", "return_scores", "verbose", "sampler"),
    *("step", "state", "start_ids", "end_id", "pad_id", "n_best", "source_length"),
    *("source_mask", "uniforms", "return_state"),
}
NOTHING = {"–", "none", "by task"}


def tables(page):
    """{(section, heading): {key: default}} of the page, None where there is none."""
    found, section, heading = {}, "", ""
    for line in page.splitlines():
        if line.startswith("## "):
            section, heading = line[3:].strip("`"), ""
        elif line.startswith("### "):
            heading = line[4:].strip("`")
        elif row := re.match(r"\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", line):
            key, default = row[1], row[3]
            of_table = found.setdefault((section, heading), {})
            assert key not in of_table, f"{key} stands twice in {section}, {heading}"
            of_table[key] = ... if default in NOTHING else literal(default)
    return found


def literal(text):
    assert re.fullmatch("`.*`", text), f"{text} must be in backticks"
    return yaml.safe_load(text[1:-1])


PAGE = tables((ROOT / "zoo" / "README.md").read_text(encoding="utf-8"))


def signature(*functions, without):
    """{argument: default} of functions, ... where there is none."""
    return {
        name: ... if one.default is one.empty else as_in_yaml(one.default)
        for function in functions
        for name, one in inspect.signature(function).parameters.items()
        if name not in without
    }


def as_in_yaml(value):
    """A default as YAML has it, which knows no tuples."""
    return list(value) if isinstance(value, tuple) else value


def holds(node, section):
    """Whether an expression is a section: its name, or `config[section]`."""
    if isinstance(node, ast.Name):
        return node.id in NAMES.get(section, {section})
    if isinstance(node, ast.Attribute):
        return node.attr in NAMES.get(section, ()) and section == "evaluation"
    if isinstance(node, ast.Call):  # config.get(section, {})
        arguments = node.args
        return is_config(getattr(node.func, "value", None)) and (
            arguments and getattr(arguments[0], "value", None) == section
        )
    return (
        isinstance(node, ast.Subscript)
        and is_config(node.value)
        and getattr(node.slice, "value", None) == section
    )


def is_config(node):
    if isinstance(node, ast.Name):
        return node.id == "config"
    return isinstance(node, ast.Attribute) and node.attr == "config"


def keys_read(files, is_section):
    """{key: its defaults} that code reads of what `is_section` says is a section."""
    found = {}
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            key = default = None
            if isinstance(node, ast.Subscript) and is_section(node.value):
                key = node.slice
                if isinstance(node.ctx, ast.Store):
                    continue
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("get", "setdefault", "pop")
                and is_section(node.func.value)
            ):
                key, default = node.args[0], node.args[1:2]
            elif (  # "text" in config["data"]
                isinstance(node, ast.Compare)
                and isinstance(node.ops[0], ast.In)
                and is_section(node.comparators[0])
            ):
                key = node.left
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                defaults = found.setdefault(key.value, [])
                if default and isinstance(default[0], ast.Constant):
                    defaults.append(default[0].value)
    return found


def files_of(folder):
    return [f for f in (TRAINING / folder).glob("*.py") if f.name != "caption_card.py"]


def assert_same(documented, read):
    """Both have the same keys, and the page's defaults are in the code."""
    assert set(documented) == set(read)
    for key, default in documented.items():
        if default is not ... and read[key]:
            assert default in read[key], f"{key} is {read[key]}, not {default!r}"


def test_the_whole_file():
    files = [*FOR_ALL, *(f for folder in KINDS.values() for f in files_of(folder))]
    read = keys_read(files, is_config)
    read.pop("parameters")  # of the `config.json` of a preset
    assert_same(PAGE["The file", ""], read)
    card = keys_read(FOR_ALL, lambda node: getattr(node, "id", None) == "card")
    assert_same(PAGE["card", ""], card)
    own = keys_read(FOR_ALL, lambda node: holds(node, "own_data"))
    assert_same(PAGE["own_data", ""], own)


@pytest.mark.parametrize("section", ["training", "data"])
def test_what_the_code_reads_of_a_section(section):
    def read(files):
        return keys_read(files, lambda node: holds(node, section))

    shared = read(FOR_ALL)
    if section == "training":
        shared.pop("word_vectors")  # It is taken out for all, and read of classifiers.
        shared |= {name: [] for name in OPTIONS}
    of_kinds = {heading: read(files_of(folder)) for heading, folder in KINDS.items()}
    everywhere = set.intersection(*(set(keys) for keys in of_kinds.values()))
    shared |= {name: [] for name in everywhere - set(shared)}
    assert_same(PAGE[section, "All tasks"], shared)
    for heading, keys in of_kinds.items():
        own = {name: found for name, found in keys.items() if name not in shared}
        assert_same(PAGE.get((section, heading), {}), own)


def test_what_the_tokenizers_are_made_of():
    files = [f for folder in KINDS.values() for f in files_of(folder)]
    read = keys_read(files, lambda node: holds(node, "preprocessor"))
    of_tokenizers = {key for name in TOKENIZERS for key in PAGE["preprocessor", name]}
    own = {key: found for key, found in read.items() if key not in of_tokenizers}
    assert_same(PAGE["preprocessor", "Classes"], own)


@pytest.mark.parametrize("heading", TOKENIZERS)
def test_the_arguments_of_tokenizers(heading):
    arguments = signature(getattr(text, heading).__init__, without=NOT_OF_TOKENIZERS)
    assert PAGE["preprocessor", heading] == arguments


def test_the_arguments_of_the_reader_of_pictures():
    arguments = signature(PictureReader.__init__, without={"self"})
    assert PAGE["preprocessor", "PictureReader"] == arguments


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("SentimentClassifier", zoo.SentimentClassifier),
        ("Translators and captioners", DecoderTask),
        ("Seq2SeqAttention", zoo.Seq2SeqAttention),
        ("Captioners", zoo.ImageCaptioner),
        ("AttentionCaptioner", zoo.AttentionCaptioner),
        ("CharLanguageModel", zoo.CharLanguageModel),
        ("Forecaster", zoo.Forecaster),
        ("SequenceTagger", zoo.SequenceTagger),
        ("GlimpseClassifier", zoo.GlimpseClassifier),
    ],
)
def test_the_arguments_of_models(heading, model):
    # A decoder's own dictionary, of which a translator has a name.
    without = NOT_OF_MODELS | ({"attention"} if model is DecoderTask else set())
    assert PAGE["model", heading] == signature(model.__init__, without=without)


def test_how_models_write():
    searches = (decoding.beam_search, decoding.greedy_search, decoding.sample)
    generate = zoo.Seq2Seq.generate
    assert signature(generate, without=()) == signature(
        zoo.ImageCaptioner.generate, without=()
    )
    expected = signature(*searches, generate, without=NOT_OF_SEARCHES)
    files = [*files_of("translation"), *files_of("captioning")]
    read = keys_read(files, lambda node: holds(node, "evaluation"))
    expected["groups"] = ...
    expected["tokenize"] = read["tokenize"][0]
    expected["max_length"] = read["max_length"][0]
    assert PAGE["evaluation", "Translators and captioners"] == expected
    assert set(read) <= set(expected)
    without = NOT_OF_SEARCHES | {"self"}
    written = signature(zoo.CharLanguageModel.generate, without=without)
    # As `LanguageModelling.sample_options` has them.
    written |= {"temperature": 0.7, "seed": 1, "adaptation": ...}
    assert PAGE["evaluation", "Character models"] == written
    adapted = signature(
        zoo.DynamicEvaluation.__init__,
        zoo.TextMemory.__init__,
        without={"self", "training_text", "known"},
    )
    assert PAGE["evaluation", "Adaptation of character models"] == adapted
    samples = signature(TextSamples.__init__, without={"self", "path", "log", "writer"})
    assert PAGE["training", "Samples of character models"] == samples


def test_how_encoders_of_captioners_learn():
    arguments = signature(EncoderTuning.__init__, without={"self"})
    assert PAGE["training", "Encoders of captioners"] == arguments


MODELS = {
    "SentimentClassifier": ("Classifiers", ["SentimentClassifier"]),
    "Seq2Seq": ("Translators", ["Translators and captioners"]),
    "Seq2SeqAttention": (
        "Translators",
        ["Translators and captioners", "Seq2SeqAttention"],
    ),
    "ImageCaptioner": ("Captioners", ["Translators and captioners", "Captioners"]),
    "AttentionCaptioner": (
        "Captioners",
        ["Translators and captioners", "Captioners", "AttentionCaptioner"],
    ),
    "CharLanguageModel": ("Character models", ["CharLanguageModel"]),
    "Forecaster": ("Forecasters", ["Forecaster"]),
    "SequenceTagger": ("Taggers", ["SequenceTagger"]),
    "GlimpseClassifier": ("Classifiers of images", ["GlimpseClassifier"]),
}


@pytest.mark.parametrize("name", list_recipes())
def test_a_recipe_has_no_key_that_the_page_does_not_know(name):
    config = load_recipe(name).config
    heading, models = MODELS[config["task"]]
    writes = "Translators and captioners"
    own = ("Character models", "Forecasters", "Taggers")
    writes = heading if heading in own else writes
    tokenizer = (config["preprocessor"] or {}).get("tokenizer") or {
        "Taggers": "SpelledWordTokenizer",
        "Classifiers": "WordTokenizer",
        "Classifiers of images": "PictureReader",
        "Character models": "CharacterTokenizer",
    }.get(heading)
    known = {
        "model": models,
        "preprocessor": ["Classes", *([tokenizer] if tokenizer else [])],
        "data": ["All tasks", heading],
        "training": ["All tasks", heading],
        "evaluation": [writes],
        "own_data": [""],
        "card": [""],
    }
    assert set(config) <= set(PAGE["The file", ""])
    for section, headings in known.items():
        keys = {key for one in headings for key in PAGE.get((section, one), {})}
        assert set(config.get(section) or {}) <= keys
