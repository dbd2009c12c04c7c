"""The page is written whole or not at all, and holds what its modules ask for."""

import json
import re

import pytest
from tiny_page import fetch_tiny_packages, letters, write_tiny_page
from tiny_run import write_recipe

from kerasrnn import catalogue
from kerasrnn.cli import main
from kerasrnn.demo import found_cells, npm_files, write_demo
from kerasrnn.demo.sections import SECTIONS
from kerasrnn.demo.write_demo import MODELS, PAGE
from kerasrnn.fetching import FetchError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as monkeypatch:
        write_tiny_page(folder, monkeypatch)
    return folder


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.long
def test_each_model_has_its_part_of_the_page(folder):
    described = json.loads((folder / "page" / "demo.json").read_text("utf-8"))
    sections = described["sections"]
    names = {
        name: [model["name"] for model in models] for name, models in sections.items()
    }
    assert names == {
        "characters": ["letters"],
        "review": ["reviews"],
        "translation": ["verses"],
        "picture": ["pictures"],
    }
    (letters,), (reviews,), _, (pictures,) = sections.values()
    told = {name: letters[name] for name in ("layers", "units", "states", "cells")}
    assert told == {"layers": 2, "units": 6, "states": ["hidden", "cell"], "cells": []}
    assert reviews["labels"] == ["negative", "positive"]
    assert (pictures["size"], pictures["grid"]) == (16, 2)
    assert described["runtime"] == "onnxruntime-web 1.30.0"
    assert len(described["pictures"]) == len(npm_files.PICTURES)


def test_all_that_the_page_asks_for_is_there_and_nothing_else(folder):
    page = files_of(folder / "page")
    described = json.loads(page["demo.json"].read_text("utf-8"))
    wanted = {"index.html", "demo.json"}
    wanted |= {picture["file"] for picture in described["pictures"]}
    for name, path in page.items():
        text = path.read_text("utf-8") if path.suffix in (".mjs", ".html") else ""
        text = re.sub(r"^//.*", "", text, flags=re.MULTILINE)
        found = re.findall(r'(?:from|import\(|new URL\(|href=|src=) ?"([^"#:]+)"', text)
        assert not re.search(r"https?://", re.sub(r"w3\.org", "", text)), name
        for address in found:
            target = (path.parent / address).resolve()
            wanted.add(target.relative_to((folder / "page").resolve()).as_posix())
    for models in described["sections"].values():
        for model in models:
            there = [name for name in page if name.startswith(model["folder"])]
            suffixes = {name.rsplit(".", 1)[1] for name in there}
            assert suffixes == {"onnx", "json", "txt"}
            wanted.update(there)
    assert wanted == set(page)
    for name in ("presets/verses/", "presets/pictures/"):
        parts = {p[len(name) :] for p in page if p.startswith(name) and p.endswith("x")}
        assert {"encoder.onnx", "step.onnx"} <= parts and "greedy.onnx" not in parts


def test_every_id_that_a_module_asks_for_is_on_the_page():
    html = (PAGE / "index.html").read_text("utf-8")
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for attribute in ("for", "aria-controls", "aria-labelledby", "aria-describedby"):
        for target in re.findall(rf'\b{attribute}="([^"]+)"', html):
            assert target in ids, f"{attribute}={target}"
    for path in (PAGE / "sections").glob("*.mjs"):
        for name in re.findall(r'getElementById\("([^"]+)"\)', path.read_text("utf-8")):
            assert name in ids, f"{path.name}: {name}"


def test_what_can_be_typed_into_or_chosen_has_a_label():
    html = (PAGE / "index.html").read_text("utf-8")
    labelled = re.findall(r'<label for="([^"]+)"', html)
    fields = re.findall(r'<(?:input|select|textarea) id="([^"]+)"', html)
    assert len(fields) == len(re.findall(r"<(?:input|select|textarea)\b", html))
    assert sorted(fields) == sorted(labelled)


def test_a_page_replaces_a_page_and_nothing_else(folder, tmp_path, monkeypatch):
    fetch_tiny_packages(tmp_path, monkeypatch)
    page = tmp_path / "page"
    write_demo(page, [folder / "reviews"])
    described = json.loads((page / "demo.json").read_text("utf-8"))
    assert [len(models) for models in described["sections"].values()] == [0, 1, 0, 0]
    assert described["pictures"] == [] and not (page / "pictures").exists()
    write_demo(page, [folder / "letters"])
    described = json.loads((page / "demo.json").read_text("utf-8"))
    assert [len(models) for models in described["sections"].values()] == [1, 0, 0, 0]
    other = tmp_path / "other"
    other.mkdir()
    (other / "index.html").write_text("mine")
    with pytest.raises(ValueError, match="`folder` must be new, empty or a page"):
        write_demo(other, [folder / "reviews"])
    assert (other / "index.html").read_text() == "mine"


def test_what_fails_leaves_nothing(folder, tmp_path, monkeypatch):
    def fetch(file):
        raise FetchError(f"Could not fetch {file.filename}.")

    monkeypatch.setattr(npm_files, "fetch_npm", fetch)
    with pytest.raises(FetchError, match="onnxruntime-web-1"):
        write_demo(tmp_path / "page", [folder / "reviews"])
    assert list(tmp_path.iterdir()) == []


def test_models_that_cannot_be_shown_are_told(folder, tmp_path):
    with pytest.raises(ValueError, match=r"`models` must be of the classes CharL.*Seq"):
        write_demo(tmp_path / "page", ["forecast-m3-monthly"])
    with pytest.raises(ValueError, match="both called 'reviews'"):
        write_demo(tmp_path / "page", [folder / "reviews", f"{folder}/./reviews"])
    for nothing in ([], "sentiment-movies"):
        with pytest.raises(ValueError, match="`models` must be a list of models"):
            write_demo(tmp_path / "page", nothing)
    assert not (tmp_path / "page").exists()


def test_the_command_writes_the_page_and_says_how_to_see_it(
    folder, tmp_path, monkeypatch, capsys
):
    fetch_tiny_packages(tmp_path, monkeypatch)
    page = tmp_path / "a page"
    models = [str(folder / name) for name in ("reviews", "letters")]
    assert main(["demo", "--output", str(page), "--models", *models]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "reviews ...\nletters ...\n" in out
    assert f"python -m http.server --bind 127.0.0.1 --directory '{page}'" in out
    assert (page / "index.html").is_file()
    assert main(["demo", "--output", str(page), "--models", "sentiment-movie"]) == 1
    assert "Did you mean 'sentiment-movies'?" in capsys.readouterr().err


def test_what_ships_is_shown_in_four_parts():
    tasks = [catalogue.list_presets()[name]["task"] for name in MODELS]
    assert set(tasks) == set(SECTIONS)


def test_cells_are_those_of_the_very_weights(tmp_path, monkeypatch):
    cell = {"feature": "inside a comment", "layer": 0, "state": "cell", "unit": 3}
    recipe = write_recipe(tmp_path / "chars-tiny", task="CharLanguageModel")
    monkeypatch.setattr(catalogue, "catalogue_folder", lambda: tmp_path)
    assert found_cells.cells_of("chars-tiny") == []  # nobody searched
    letters().save_to_preset(recipe / "preset")
    weights = found_cells.sha256_of_weights("chars-tiny")
    for told, expected in ((weights, [cell]), ("0" * 64, [])):
        (recipe / "cells.json").write_text(
            json.dumps({"weights": told, "cells": [cell]})
        )
        assert found_cells.cells_of("chars-tiny") == expected
    assert found_cells.cells_of(str(recipe)) == []  # a folder of somebody's own
