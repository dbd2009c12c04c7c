"""The cells of character models that follow something, found once and kept.

    python -m kerasrnn.demo.found_cells chars-kernel-c

searches a preset with `kerasrnn.inspection.find_cells` and writes `cells.json` into its
recipe's folder, with the SHA-256 of the weights that were searched.
"""

import json
import pathlib
import sys
from typing import Any

from kerasrnn import catalogue

FILE = "cells.json"
WEIGHTS = "model.weights.h5"
LEAST = 0.8  # of the score on text that played no part in the choice
MOST = 6
DOCUMENTS, CHARACTERS = 8, 12_000  # of how many documents, and of each how much


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
    return json.loads(config.read_text(encoding="utf-8"))["files"][WEIGHTS]


def write_cells(name: str) -> pathlib.Path:
    """Search a preset of the catalogue on its test data, and write what was found.

    Args:
        name: Of a recipe that ships a `CharLanguageModel`.
    """
    from kerasrnn.data import load_documents
    from kerasrnn.inspection import find_cells
    from kerasrnn.zoo import CharLanguageModel

    recipe = catalogue.load_recipe(name)
    model = CharLanguageModel.from_preset(name)
    documents = load_documents(recipe.config["data"]["name"], "test")
    text = [document[:CHARACTERS] for document in documents[:DOCUMENTS]]
    found = find_cells(model, text)
    print(found)
    chosen: dict[tuple, dict] = {}
    for cell in found.best():
        told = cell.score_name == "AUC" and cell.score >= LEAST
        unit = (cell.layer, cell.name, cell.unit)
        if told and unit not in chosen and len(chosen) < MOST:
            chosen[unit] = {
                "feature": cell.feature,
                "layer": cell.layer,
                "state": cell.name,
                "unit": cell.unit,
                "sign": cell.sign,
                "auc": round(cell.score, 3),
            }
    path = recipe.folder / FILE
    described = {
        "weights": sha256_of_weights(name),
        "command": f"python -m kerasrnn.demo.found_cells {name}",
        "characters": {"chosen on": found.sizes[0], "judged on": found.sizes[1]},
        "cells": list(chosen.values()),
    }
    path.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    for recipe in sys.argv[1:]:
        print(write_cells(recipe))
