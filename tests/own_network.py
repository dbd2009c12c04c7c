"""Programs with a network of their own, in which there is nothing but this machine."""

import contextlib
import functools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import uuid

# Lets the loopback interface work (SIOCSIFFLAGS, IFF_UP), and becomes the program.
BEGIN = """\
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))
os.execv(sys.argv[1], sys.argv[1:])
"""
COMMAND = ("unshare", "--map-root-user", "--net", sys.executable, "-c", BEGIN)


@functools.cache
def why_there_is_none():
    """Why such a program cannot be started here, or None."""
    try:
        tried = subprocess.run(
            [*COMMAND, sys.executable, "-c", ""], capture_output=True, text=True
        )
    except OSError as error:
        return f"no network of its own can be made here: {error}"
    if tried.returncode:
        return f"no network of its own can be made here: {tried.stderr.strip()}"
    return None


class Program:
    """Python with these arguments; what it prints, errors too, goes to one file.

    A pipe would stay open as long as anything that it has started.
    """

    def __init__(self, *arguments, **environment):
        self.mark = f"KERASRNN_TESTS={uuid.uuid4()}"
        name, _, value = self.mark.partition("=")
        self.file = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [*COMMAND, sys.executable, *map(str, arguments)],
            env=os.environ | environment | {name: value},
            stdout=self.file,
            stderr=subprocess.STDOUT,
        )

    def printed(self):
        """All that it has printed so far."""
        self.file.flush()
        return os.pread(self.file.fileno(), 2**24, 0).decode("utf-8", "replace")

    def wait(self, seconds):
        """Its exit code, and all that it has printed."""
        try:
            return self.process.wait(seconds), self.printed()
        except subprocess.TimeoutExpired:
            return f"none after {seconds} s", self.printed()

    def end(self):
        """End it, and whatever it has started and is left."""
        for environment in pathlib.Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in environment.read_bytes():
                    os.kill(int(environment.parent.name), signal.SIGKILL)
        self.process.wait()
        self.file.close()
