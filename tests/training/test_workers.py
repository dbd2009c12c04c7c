"""Several processes that train one model together, on this machine."""

import importlib.util
import json
import os
import re
import signal
import time

import joint_training
import keras
import own_network
import pytest
from tiny_run import write_recipe

from kerasrnn import cli
from kerasrnn.training.workers import Workers

SECONDS = 500  # that one of these programs may take


def needs(*packages):
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    reason = f"{', '.join(missing)} not installed"
    return pytest.mark.skipif(bool(missing), reason=reason)


@pytest.fixture
def started():
    """Starts a program in a network of its own, all of which ends with the test."""
    if reason := own_network.why_there_is_none():
        pytest.skip(reason)
    programs = []

    def start(*arguments, **environment):
        quick = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
        programs.append(own_network.Program(*arguments, **quick | environment))
        return programs[-1]

    yield start
    for program in programs:
        program.end()


@pytest.mark.slow
@needs("jax")
def test_two_processes_learn_what_one_does_and_each_example_once_an_epoch(started):
    def result(count):
        code, printed = started(joint_training.__file__, count).wait(SECONDS)
        assert code == 0, printed[-3000:]
        return json.loads(printed.split("RESULT")[1].splitlines()[0])

    one, two = result(1), result(2)
    assert {*one} == {"counting", "translator", "characters"}
    for name, expected in one.items():
        losses = expected["losses"]
        assert len(losses) > 50
        assert len({*losses}) > 20, "it learns nothing"
        assert two[name]["losses"] == pytest.approx(losses, abs=1e-5), name
        for a, b in zip(expected["weights"], two[name]["weights"], strict=True):
            flat_a, flat_b = json.dumps(a), json.dumps(b)
            numbers = re.compile(r"[-\d.e]+")
            assert [*map(float, numbers.findall(flat_b))] == pytest.approx(
                [*map(float, numbers.findall(flat_a))], abs=1e-5
            ), name
    epochs = joint_training.EPOCHS
    assert two["counting"]["weights"] == [[[epochs]] * 10]


def reviews(path):
    """Texts of one length, so that JAX compiles little."""
    words = ("fine warm sharp bright".split(), "dull flat weak silly".split())
    lines = [
        f"{('good', 'bad')[n % 2]}\tfilm number {n} is {words[n % 2][n % 3]}"
        for n in range(400)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
@needs("jax", "ray")
def test_a_killed_worker_ends_the_run_which_then_goes_on(started, tmp_path):
    recipe = write_recipe(tmp_path / "tiny")
    data = reviews(tmp_path / "reviews.tsv")

    def train(output, *options):
        arguments = ("train", recipe, "--data", data, "--output", tmp_path / output)
        return started(
            *("-u", "-m", "kerasrnn", *arguments, *options), KERAS_BACKEND="jax"
        )

    code, printed = train("whole").wait(SECONDS)
    assert code == 0, printed

    program = train("broken", "--workers", "2")
    checkpoints = tmp_path / "broken" / "seed-3" / "checkpoints" / "state.json"
    while program.process.poll() is None and not checkpoints.is_file():
        time.sleep(0.01)
    second = re.search(r"Worker 2 of 2 is process (\d+)", program.printed())
    os.kill(int(second[1]), signal.SIGKILL)
    begin = time.monotonic()
    code, printed = program.wait(SECONDS)
    assert code == 1, printed
    assert time.monotonic() - begin < 120
    assert re.search(
        r"kerasrnn train: Worker [12] of 2 ended: .*\. The same call goes on from the "
        r"last checkpoint\.\n",
        printed,
    ), printed

    code, printed = train("broken", "--workers", "2").wait(SECONDS)
    assert code == 0, printed
    assert "Going on from epoch" in printed
    whole, broken = (
        json.loads((tmp_path / name / "results.json").read_text())
        for name in ("whole", "broken")
    )
    assert broken["workers"] == 2
    epochs = zip(whole["runs"][0]["history"], broken["runs"][0]["history"], strict=True)
    for expected, resumed in epochs:
        assert resumed == pytest.approx(expected, abs=1e-5)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="it is JAX")
def test_several_workers_need_jax(capsys, tmp_path):
    data = reviews(tmp_path / "reviews.tsv")
    recipe = write_recipe(tmp_path / "tiny")
    options = ["--data", str(data), "--workers", "2"]
    assert cli.main(["train", str(recipe), *options]) == 1
    assert (
        "`workers` of more than one need the JAX backend (KERAS_BACKEND=jax); it is "
        f"{keras.backend.backend()!r}."
    ) in capsys.readouterr().err


def test_a_worker_is_one_of_their_number():
    with pytest.raises(ValueError, match="`rank` must be from 0 to below count=2; got"):
        Workers(2, 2)
