"""What the page shows of a model, by the model's class."""

import json
import math
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from kerasrnn import catalogue
from kerasrnn.demo.found_cells import cells_of
from kerasrnn.export import to_onnx
from kerasrnn.zoo import Task

# What is in the box at first, by the model's name.
EXAMPLES = {
    "chars-kernel-c": """\
/* Count the pages of a zone that are in use. */
static int count_pages(struct zone *zone, int most)
{
	int page, used = 0;

	for (page = 0; page < most; page++) {
		if (zone->map[page] && !is_free(zone, page))
			used++;
	}
	pr_debug("%d of %d pages\\n", used, most);	/* for the log */
	return used;
}
""",
    "chars-shakespeare": """\
HAMLET.
To be, or not to be, that is the question:
Whether 'tis nobler in the mind to suffer
The slings and arrows of outrageous fortune,
Or to take arms against a sea of troubles,
And by opposing end them.

 [_Exit._]

""",
}


class Section(NamedTuple):
    """A part of the page.

    Args:
        name: Of the part, in index.html too.
        files: Which files of an exported model it reads, beside the tokenizer's.
        describe: Takes a model, the name that it was loaded by and the folder of its
            files, to which it may add; gives what the page must know.
    """

    name: str
    files: tuple[str, ...]
    describe: Callable[[Any, str, pathlib.Path], dict[str, Any]]


def describe_characters(model: Task, name: str, folder: pathlib.Path) -> dict:
    """The units whose values can be shown, and those that are known to mean something.

    The states come out of `model.onnx` as `new_state_{layer}_{number}`.
    """
    names = {"lstm": ["hidden", "cell"]}.get(model.cell, ["hidden"])
    return {
        "layers": model.num_layers,
        "units": model.units,
        "states": names,
        "cells": cells_of(name),
        "text": EXAMPLES.get(name, ""),
    }


def describe_review(model: Task, name: str, folder: pathlib.Path) -> dict:
    """What the classes are called."""
    return {"labels": [*(model.class_names() or ())]}


def describe_translation(model: Task, name: str, folder: pathlib.Path) -> dict:
    """The languages that are read and written, where a recipe says them."""
    data: dict[str, Any] = {}
    if name in catalogue.list_recipes():
        data = catalogue.load_recipe(name).config["data"]
    return {"languages": data.get("languages", [])}


def describe_picture(model: Task, name: str, folder: pathlib.Path) -> dict:
    """How large a picture is made, and into how many places it is parted.

    The network that looks at pictures becomes `pictures.onnx`.
    """
    encoder = model.build_encoder()
    side = encoder.image_size
    images = keras.Input((side, side, 3), name="images")
    network = keras.Model(images, {"features": encoder(images)}, name="pictures")
    to_onnx(network, folder / "pictures.onnx")
    return {"size": side, "grid": math.isqrt(encoder.locations)}


# By the name of the model's class, in the order in which the page shows them.
SECTIONS = {
    "CharLanguageModel": Section("characters", ("model.onnx",), describe_characters),
    "SentimentClassifier": Section("review", ("model.onnx",), describe_review),
    "Seq2SeqAttention": Section(
        "translation", ("encoder.onnx", "step.onnx"), describe_translation
    ),
    "AttentionCaptioner": Section(
        "picture", ("encoder.onnx", "step.onnx"), describe_picture
    ),
}


def write_model(model: Task, name: str, folder: pathlib.Path) -> dict[str, Any]:
    """Write what the page reads of a model to a folder, and say what it is.

    Args:
        model: Of a class in `SECTIONS`.
        name: That it was loaded by.
        folder: Where to; it is made.
    """
    section = SECTIONS[type(model).__name__]
    model.export(folder, format="onnx")
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    wanted = {"tokenizer.json", *section.files}
    wanted |= {side["vocabulary"] for side in tokenizer.values()}
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    return {
        "name": folder.name,
        "folder": f"presets/{folder.name}/",
        "parameters": model.count_params(),
        **section.describe(model, name, folder),
    }
