"""Searches a character model's preset for the cells that the page offers.

python -m kerasrnn.demo.search_cells chars-kernel-c
"""

import json
import pathlib
import sys

from kerasrnn import catalogue
from kerasrnn.data import load_documents
from kerasrnn.demo.found_cells import FILE, sha256_of_weights
from kerasrnn.inspection import find_cells
from kerasrnn.zoo import CharLanguageModel

LEAST = 0.8  # of the score on text that played no part in the choice
MOST = 6
DOCUMENTS, CHARACTERS = 8, 12_000  # of how many documents, and of each how much


def write_cells(name: str) -> pathlib.Path:
    """Search a preset of the catalogue on its test data, and write what was found.

    Args:
        name: Of a recipe that ships a `CharLanguageModel`.
    """
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
        "command": f"python -m kerasrnn.demo.search_cells {name}",
        "characters": {"chosen on": found.sizes[0], "judged on": found.sizes[1]},
        "cells": list(chosen.values()),
    }
    path.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    for recipe in sys.argv[1:]:
        print(write_cells(recipe))
