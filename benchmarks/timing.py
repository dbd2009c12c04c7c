"""What the benchmarks share: sizes, sides that take turns, and where tables go."""

import argparse
import datetime
import pathlib
import shlex
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
# (batch, steps, features, units)
SHAPES = {
    "A": (32, 100, 128, 256),
    "B": (64, 200, 128, 128),
    "C": (1, 50, 128, 256),
    "D": (128, 40, 512, 512),
    "E": (16, 1000, 64, 128),
}
# Family: (class, options, matrices of U columns in its kernel)
FAMILIES = {
    "SimpleRNN": ("SimpleRNN", {}, 1),
    "LSTM": ("LSTM", {}, 4),
    "GRU": ("GRU", {}, 3),
    "GRU-reset-before": ("GRU", {"reset_after": False}, 3),
}
# Seconds before each turn, in which the threads of the side before come to rest: those
# of torch stay awake for four milliseconds.
PAUSE = 0.01


def make_layer(namespace, family, units, **options):
    """A layer of `namespace`, which is keras.layers or kerasrnn.layers."""
    name, of_family, _ = FAMILIES[family]
    return getattr(namespace, name)(units, **of_family, **options)


def milliseconds(call, repeats):
    """Wall time of each of `repeats` calls in a row."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - begin))
    return times


def take_turns(sides, runs, seconds=20.0):
    """Times of all sides, measured in turns so that all see the same machine.

    Args:
        sides: Name to a function of n, which makes n calls and gives the n times.
        runs: Turns of each side. Calls of less than 10 ms come several to a turn, and
            two more first, which wake the threads and do not count.
        seconds: No more turns after that, once there were three.

    Returns:
        Name to the times of all its calls, in milliseconds.
    """
    for side in sides.values():
        side(1)  # What was allocated and traced late is in nobody's time.
    calls = {
        name: max(1, min(10, int(10 / side(1)[0]))) for name, side in sides.items()
    }
    times = {name: [] for name in sides}
    begin = time.monotonic()
    for turn in range(runs):
        if turn >= 3 and time.monotonic() - begin > seconds:
            break
        for name, side in sides.items():
            time.sleep(PAUSE)
            uncounted = 2 if calls[name] > 1 else 0
            times[name] += side(uncounted + calls[name])[uncounted:]
    return times


def medians(times):
    return {name: statistics.median(values) for name, values in times.items()}


def minima(times):
    return {name: min(values) for name, values in times.items()}


def number(value):
    """Three digits, or a dash for what was not measured."""
    if value is None:
        return "–"
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def judged(value, least=None, most=None):
    """A ratio with its target in brackets; bold where the target is missed."""
    if value is None:
        return "–"
    if least is None and most is None:
        return number(value)
    if least is not None:
        met, target = value >= least, f"≥ {least}"
    else:
        met, target = value <= most, f"≤ {most}"
    text = number(value) if met else f"**{number(value)}**"
    return f"{text} ({target})"


def parser(description, runs):
    """The options of every benchmark."""
    result = argparse.ArgumentParser(description=description.splitlines()[0])
    result.add_argument("--runs", type=int, default=runs, help=f"default: {runs}")
    result.add_argument(
        "--write", metavar="README", help="put the tables into this file as well"
    )
    return result


def command():
    """The command that is running, as it runs from the root of the repository.

    What it names relative to the folder in which it runs, such as `README.md` in
    `benchmarks`, is named from the root.
    """
    here = pathlib.Path.cwd().resolve()
    script, *arguments = sys.argv
    if here != ROOT and here.is_relative_to(ROOT):
        arguments = [from_root(argument, here) for argument in arguments]
    path = pathlib.Path(script).resolve()
    if path.is_relative_to(ROOT):
        script = path.relative_to(ROOT).as_posix()
    return shlex.join(["python", script, *arguments])


def from_root(argument, here):
    """An argument of a command, from the root if it is the path of what is there."""
    option, equals, value = argument.rpartition("=")
    path = here / value
    relative = not pathlib.Path(value).is_absolute()
    if not value or argument in ("-", "--") or not relative or not path.exists():
        return argument
    path = path.resolve()
    if not path.is_relative_to(ROOT):
        return argument
    return f"{option}{equals}{path.relative_to(ROOT).as_posix()}"


class Report:
    """Prints lines as they come, and in the end puts them into a README.

    Args:
        name: The README's lines between `<!-- name -->` and `<!-- /name -->` are
            replaced.
        path: The README, or None.
    """

    def __init__(self, name, path):
        self.name, self.path, self.lines = name, path, []

    def line(self, text=""):
        print(text, flush=True)
        self.lines.append(text)

    def head(self, columns):
        self.row(columns)
        self.row(["---"] * len(columns))

    def row(self, cells):
        self.line(f"| {' | '.join(cells)} |")

    def machine(self, peers=()):
        """Where the numbers come from, with the versions of other processes."""
        from kerasrnn.training.provenance import provenance  # It imports Keras.

        source = provenance()
        versions = [f"{name} {number}" for name, number in source["versions"].items()]
        hardware = source["hardware"]
        today = datetime.datetime.now(datetime.UTC).date()
        self.line(
            f"{today}, {hardware['processor']}, {hardware['cores']} cores; "
            f"{', '.join([*versions, *peers])}; "
            f"commit {(source['commit'] or 'unknown')[:10]}"
        )
        self.line()
        self.line(f"    {command()}")
        self.line()

    def close(self):
        if self.path is None:
            return
        path = pathlib.Path(self.path)
        begin, end = f"<!-- {self.name} -->\n", f"<!-- /{self.name} -->"
        before, _, rest = path.read_text(encoding="utf-8").partition(begin)
        _, mark, after = rest.partition(end)
        if not mark:
            raise ValueError(f"`{path}` must hold the lines {begin!r} and {end!r}.")
        text = "\n".join(["", *self.lines, "", ""])
        path.write_text(before + begin + text + mark + after, encoding="utf-8")
