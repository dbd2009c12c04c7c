"""What every test has: quiet TensorFlow, figures that open no window, no network."""

import os
import socket

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

LOOPBACK = ("127.", "::1", "localhost")
network_allowed = False
connect = socket.socket.connect


def connect_to_this_machine_only(self, address):
    """Stand in for `socket.connect`: refuse other machines, at once and by name."""
    remote = self.family in (socket.AF_INET, socket.AF_INET6)
    if remote and not network_allowed and not str(address[0]).startswith(LOOPBACK):
        raise RuntimeError(
            f"a test that is not marked `slow` may not use the network; it called "
            f"{address[0]}"
        )
    return connect(self, address)


def pytest_configure(config):
    socket.socket.connect = connect_to_this_machine_only


def pytest_runtest_setup(item):
    # Slow tests run in CI's second stage, where a data set may be fetched.
    global network_allowed
    network_allowed = item.get_closest_marker("slow") is not None
