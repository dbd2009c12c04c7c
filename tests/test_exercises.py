"""Our answers to the exercises of the tutorials are right, and mistakes get a hint."""

import ast
import pathlib
import sys

import numpy as np
import pytest

jupytext = pytest.importorskip("jupytext")
FOLDER = pathlib.Path(__file__).parents[1] / "tutorials"
sys.path.insert(0, str(FOLDER))
import exercises  # noqa: E402  It lies beside the pages that use it.

PAGES = sorted(path.stem for path in exercises.SOLUTIONS.glob("[0-9][0-9]_*.py"))
EACH = pytest.mark.parametrize("page", PAGES)


def checked_cells(page):
    """The cells that call `check`, each with the names of what it checks."""
    found = []
    for cell in jupytext.read(FOLDER / f"{page}.py").cells:
        if cell.cell_type != "code":
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check":
                assert [ast.literal_eval(value) for value in node.args] == [page]
                found.append((cell.source, [word.arg for word in node.keywords]))
    return found


@EACH
def test_every_exercise_has_an_answer_a_check_and_mistakes(page):
    names = [name for _, names in checked_cells(page) for name in names]
    solutions = exercises.solutions_of(page)
    assert len(names) == len(set(names)) >= 3
    assert set(solutions.MISTAKES) == set(names)
    checks = {name for name in vars(solutions) if name.startswith("check_")}
    assert checks == {f"check_{name}" for name in names}


@EACH
def test_our_answers_are_right(page, capsys):
    solutions = exercises.solutions_of(page)
    answers = {name: getattr(solutions, name) for name in solutions.MISTAKES}
    exercises.check(page, **answers)
    assert capsys.readouterr().out.split("\n")[:-1] == [f"{n}: right" for n in answers]


@EACH
def test_mistakes_get_a_hint(page):
    for name, mistakes in exercises.solutions_of(page).MISTAKES.items():
        assert mistakes, name
        for mistake in mistakes:
            with pytest.raises(exercises.HintError, match=r"Not yet\. .{10}"):
                exercises.check(page, **{name: mistake})


@EACH
def test_the_page_leaves_the_answers_to_its_reader(page, capsys):
    # A reader who has not answered yet runs the page to its end all the same.
    given = {"np": np}
    for source, names in checked_cells(page):
        exec(source, given)
        assert all(exercises.is_open(given[name]) for name in names)
        told = capsys.readouterr().out
        wanted = ": write your answer in the place of the dots"
        assert [line for line in told.splitlines() if wanted in line] == [
            name + wanted for name in names
        ]


def test_every_page_has_exercises_and_three_are_to_be_filled_in():
    pages = {path.name.split(".")[0] for path in FOLDER.glob("[0-9][0-9]_*.py")}
    assert sorted(pages) == PAGES
    cells = [cell for page in PAGES for cell in checked_cells(page)]
    filled_in = {name: source for source, (name, *_) in cells}
    for name, given in (
        ("lstm_step", "np.split"),
        ("bptt", "for t in"),
        ("attend", "return context"),
    ):
        assert given in filled_in[name] and filled_in[name].count("= ...") > 1


def test_what_is_open_and_what_is_close():
    def blank(x):
        return ...

    def filled(x):
        return x[..., None]

    assert exercises.is_open(...) and exercises.is_open(blank)
    assert not exercises.is_open(filled) and not exercises.is_open(3)
    assert exercises.close([1, 2], [1, 2.00001])
    for wrong in ([1, 3], [1], [[1, 2]], [1, float("nan")], None, "no", [1, ...]):
        assert not exercises.close(wrong, [1, 2])
