"""The cells of character models that follow something, found once and kept.

They are in `cells.json` of a recipe's folder, with the SHA-256 of the weights that were
searched; `python -m kerasrnn.demo.search_cells NAME` writes it.
"""

import json
from typing import Any

from kerasrnn import catalogue
from kerasrnn.zoo.preset import WEIGHTS_FILE

FILE = "cells.json"


def cells_of(name: str) -> list[dict[str, Any]]:
    """The cells that were found in a preset of the catalogue; none of any other.

    Args:
        name: That a model was loaded by.
    """
    if name not in catalogue.list_recipes():
        return []
    path = catalogue.load_recipe(name).folder / FILE
    if not path.is_file():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    # Of other weights, the same numbers mean other cells.
    return found["cells"] if found["weights"] == sha256_of_weights(name) else []


def sha256_of_weights(name: str) -> str:
    """The SHA-256 of a preset's weights, as its configuration tells it."""
    config = catalogue.find_preset(name) / catalogue.PRESET_FILE
    return json.loads(config.read_text(encoding="utf-8"))["files"][WEIGHTS_FILE]
