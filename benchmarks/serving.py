"""Does an exported translator hold up behind a model server?

    python benchmarks/serving.py [--requests 50000] [--clients 8] [--seconds 900]
        [--preset translate-en-es] [--server PYTHON]

The preset is exported to ONNX and served by MLServer, a server of the protocol
KServe V2, on the loopback interface: `benchmarks/served_translator.py` is all its code.
Clients ask for translations of verses, each the next one when it has its answer. Every
answer is compared with what the model itself writes, and the server's memory is read
all along.

MLServer is installed in an environment of its own, made for the purpose, since it wants
other versions than TensorFlow; `--server` names the Python of one that has `mlserver`
and `onnxruntime`.
"""

import argparse
import contextlib
import http.client
import json
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv

import numpy as np
from timing import Report

from kerasrnn.zoo import Task

NAME = "translator"
MOST_GROWTH = 1.2  # of the server's memory
TEXTS = (
    "In the beginning God created the heavens and the earth.",
    "Don't be afraid, for I am with you.",
    "He said to them, “Follow me.”",
    "The people answered and said:",
    "They went out of the city and came to him.",
    "Love your neighbor as yourself.",
    "Why do you weep?",
    "",
)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--requests", type=int, default=50_000)
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--seconds", type=float, default=900, help="at most")
    options.add_argument("--preset", default="translate-en-es")
    options.add_argument("--server", metavar="PYTHON")
    options.add_argument("--write", metavar="README", help="put the table there too")
    arguments = options.parse_args()
    report = Report("serving", arguments.write)
    report.machine()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        python = arguments.server or make_environment(folder / "server")
        model = Task.from_preset(arguments.preset)
        model.export(folder / "model", format="onnx")
        answers = dict(zip(TEXTS, model.generate([*TEXTS]), strict=True))
        with served(python, folder) as (port, process):
            load = Load(port, process, answers, arguments)
            load.run()
    report.line(
        f"`{arguments.preset}` behind MLServer, protocol KServe V2; "
        f"{arguments.clients} clients, {load.seconds:.0f} s."
    )
    report.line()
    report.head(("", ""))
    for row in load.rows():
        report.row(row)
    report.close()
    if load.wrong or load.failed:
        sys.exit("some answers were wrong or missing")
    if load.growth > MOST_GROWTH:
        sys.exit(f"the server's memory grew {load.growth:.2f} times")


def make_environment(folder):
    """The Python of a new environment that has the server."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [python, "-m", "pip", "install", "-q", "mlserver", "onnxruntime"]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return str(python)


@contextlib.contextmanager
def served(python, folder):
    """The port and the process of the server, once it answers."""
    ports = free_ports(3)
    settings = dict(
        zip(("http_port", "grpc_port", "metrics_port"), ports, strict=True),
        host="127.0.0.1",
        parallel_workers=0,
        debug=False,
    )
    (folder / "settings.json").write_text(json.dumps(settings))
    of_model = {
        "name": NAME,
        "implementation": "served_translator.Translator",
        "parameters": {"uri": str(folder / "model")},
    }
    (folder / "model-settings.json").write_text(json.dumps(of_model))
    code = pathlib.Path(__file__).with_name("served_translator.py")
    (folder / code.name).write_bytes(code.read_bytes())
    log = (folder / "server.log").open("w")
    process = subprocess.Popen(
        [python, "-m", "mlserver.cli.main", "start", str(folder)],
        cwd=folder,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_until_ready(ports[0], process, folder / "server.log")
        yield ports[0], process
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def free_ports(count):
    """Ports of the loopback interface that nobody uses."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_until_ready(port, process, log, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", f"/v2/models/{NAME}/ready")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"the server does not answer:\n{log.read_text()}")


class Load:
    """Clients that ask, one question after the other, until enough were answered."""

    def __init__(self, port, process, answers, arguments):
        self.port = port
        self.process = process
        self.answers = answers
        self.count = arguments.requests
        self.clients = arguments.clients
        self.most_seconds = arguments.seconds
        self.asked = self.wrong = self.failed = 0
        self.latencies = []
        self.memory = []
        self.lock = threading.Lock()

    def run(self):
        self.ask_all(HTTP(self.port))  # Warm, and the memory that it takes anyway.
        self.memory.append(memory_of(self.process))
        self.start = time.monotonic()
        threads = [threading.Thread(target=self.client) for _ in range(self.clients)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(1)
            with contextlib.suppress(OSError):
                self.memory.append(memory_of(self.process))
        self.seconds = time.monotonic() - self.start

    def client(self):
        server = HTTP(self.port)
        texts = [*self.answers]
        while True:
            with self.lock:
                number = self.asked
                over = time.monotonic() - self.start > self.most_seconds
                if number >= self.count or over:
                    return
                self.asked += 1
            self.ask(server, texts[number % len(texts)])

    def ask_all(self, server):
        for text in self.answers:
            self.ask(server, text)
        self.latencies.clear()

    def ask(self, server, text):
        start = time.perf_counter()
        try:
            found = server.translation(text)
        except (OSError, ValueError, http.client.HTTPException) as error:
            print(error, file=sys.stderr)
            self.failed += 1
            return
        self.latencies.append(time.perf_counter() - start)
        if found != self.answers[text]:
            self.wrong += 1
            print(f"{text!r}: {found!r}, not {self.answers[text]!r}", file=sys.stderr)

    @property
    def late_memory(self):
        """The median of the last seconds."""
        return statistics.median(self.memory[-10:])

    @property
    def growth(self):
        """How many times the memory of the beginning is in use at the end."""
        return self.late_memory / self.memory[0]

    def rows(self):
        """What the table says."""
        quantiles = np.quantile(self.latencies or [np.nan], [0.5, 0.95, 0.99]) * 1000
        first, late = self.memory[0], self.late_memory
        return [
            ("requests", f"{len(self.latencies):,} of {self.count:,}"),
            ("failed", f"{self.failed}"),
            ("other answers than the model's own", f"{self.wrong}"),
            ("requests a second", f"{len(self.latencies) / self.seconds:.0f}"),
            (
                "milliseconds, median, 95 %, 99 %",
                ", ".join(f"{x:.1f}" for x in quantiles),
            ),
            ("the server's memory at first", f"{first:.0f} MB"),
            ("in the end", f"{late:.0f} MB"),
        ]


class HTTP:
    """A connection that is kept."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def translation(self, text):
        question = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}
        self.connection.request(
            "POST",
            f"/v2/models/{NAME}/infer",
            json.dumps({"inputs": [question]}),
            {"Content-Type": "application/json"},
        )
        response = self.connection.getresponse()
        content = json.loads(response.read())
        if response.status != 200:
            raise ValueError(f"{response.status}: {content}")
        outputs = {x["name"]: x["data"] for x in content["outputs"]}
        return outputs["text"][0]


def memory_of(process):
    """Resident memory of a process in MB."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"process {process.pid} has ended")


if __name__ == "__main__":
    main()
