"""Programs with a network of their own, in which there is nothing but this machine."""

import functools
import os
import subprocess
import sys

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


def start(*arguments, **environment):
    """Start Python with these arguments; what it prints, errors too, is one stream."""
    return subprocess.Popen(
        [*COMMAND, sys.executable, *map(str, arguments)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
