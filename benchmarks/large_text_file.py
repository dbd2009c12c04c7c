"""What do opening a large text file and reading batches of it cost?

    python benchmarks/large_text_file.py [--megabytes 10 100 1000]

A text of so many million bytes, random letters, some of which take two or three bytes,
is written into a temporary folder and opened with `open_text_file` in a process of its
own: at first, again, and then batches are drawn from all parts of it. Memory is what
the process grows by at its peak, over what it held before; where batches are drawn,
without the pages of the mapped file, which the system takes back when it needs them.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from first_step import resident
from timing import Report, number, parser

LETTERS = np.array(list("    eeetttaaoinshrdlu,.\n–é"))
BATCH_SIZE, CHUNK, BATCHES = 64, 100, 500
MOST_MEMORY = 256  # MiB, whatever the size of the text


def write_text(path, megabytes):
    """A text of `megabytes` million bytes, or one or two less."""
    letters = np.random.default_rng(0).choice(LETTERS, size=1_000_000)
    block = "".join(letters).encode()
    left = megabytes * 10**6
    with open(path, "wb") as file:
        while left > 0:
            # A character that is cut in two is left out.
            file.write(block[:left].decode("utf-8", "ignore").encode())
            left -= len(block)


def open_and_read(path, folder):
    """In this process: what opening the text takes, and reading batches of it."""
    from kerasrnn.data import open_text_file
    from kerasrnn.text import CharacterStreams

    # Writing 5 there makes VmHWM start again from VmRSS.
    clear = pathlib.Path("/proc/self/clear_refs")
    clear.write_text("5")
    before = resident("VmRSS")
    result = {}
    for name in ("open", "again"):
        begin = time.perf_counter()
        _, texts = open_text_file(path, folder)
        result[name] = time.perf_counter() - begin
    result["opening"] = resident("VmHWM") - before
    result["characters"] = sum(len(text) for text in texts.values())
    own, mapped = [resident("RssAnon")], [resident("RssFile")]
    streams = CharacterStreams(texts["train"], BATCH_SIZE, CHUNK)
    steps = np.linspace(0, len(streams) - 1, BATCHES).astype(int)
    begin = time.perf_counter()
    for _ in streams.dataset(steps):
        own.append(resident("RssAnon"))
        mapped.append(resident("RssFile"))
    result["batch"] = (time.perf_counter() - begin) / BATCHES * 1000
    result["reading"] = max(own) - own[0]
    result["mapped"] = max(mapped) - mapped[0]
    return result


def in_new_process(megabytes):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "book.txt")
        write_text(path, megabytes)
        command = [sys.executable, __file__, "--measure", str(path), folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(open_and_read(*sys.argv[2:])))
        return
    options = parser(__doc__, runs=1)
    options.add_argument("--megabytes", nargs="+", type=int, default=[10, 100, 1000])
    arguments = options.parse_args()
    report = Report("large_text_file", arguments.write)
    report.machine()
    heads = ["text, MB", "characters", "first opening, s", "opened again, s"]
    heads += [
        "memory of opening, MiB",
        "a batch, ms",
        "memory of batches, MiB",
        "mapped, MiB",
    ]
    report.head([*heads, "target"])
    for megabytes in arguments.megabytes:
        runs = [in_new_process(megabytes) for _ in range(arguments.runs)]
        values = {key: float(np.median([run[key] for run in runs])) for key in runs[0]}
        keys = ("open", "again", "opening", "batch", "reading", "mapped")
        most = max(values["opening"], values["reading"])
        report.row(
            [
                f"{megabytes:,}",
                f"{values['characters']:,.0f}",
                *(number(values[key]) for key in keys),
                "met" if most <= MOST_MEMORY else "**missed**",
            ]
        )
    report.line()
    report.line(
        f"Target: at most {MOST_MEMORY} MiB, whatever the size. {BATCHES} batches of "
        f"{BATCH_SIZE} x {CHUNK} characters, evenly from the whole training text."
    )
    report.close()


if __name__ == "__main__":
    main()
