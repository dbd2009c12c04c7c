"""What every test has: quiet TensorFlow, figures that open no window, no network.

What is not `slow` begins with empty caches, so that no test passes or
is left out by what a machine happens to hold. It also runs TensorFlow's graphs as they
were made, since to rewrite one takes longer than a test runs it. The slow ones, and
KERASRNN_GRAPHS=rewritten, let TensorFlow rewrite them.

Random weights are those of a seed, so that no test passes by luck, or fails by it.
"""

import os
import socket
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

LOOPBACK = ("127.", "::1", "localhost")
CACHES = ("KERASRNN_CACHE_DIR", "TFDS_DATA_DIR")
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


def is_first_stage(config):
    return "not slow" in config.getoption("markexpr")


def pytest_configure(config):
    socket.socket.connect = connect_to_this_machine_only
    if is_first_stage(config):
        empty = tempfile.TemporaryDirectory(prefix="kerasrnn-tests-")
        config.add_cleanup(empty.cleanup)
        for name in CACHES:
            os.environ[name] = os.path.join(empty.name, name)


def pytest_collection_finish(session):
    rewritten = os.environ.get("KERASRNN_GRAPHS") == "rewritten"
    if is_first_stage(session.config) and not rewritten and "tensorflow" in sys.modules:
        sys.modules["tensorflow"].config.optimizer.set_experimental_options(
            {"disable_meta_optimizer": True}
        )


def pytest_runtest_setup(item):
    # Slow tests run in CI's second stage, where a data set may be fetched.
    global network_allowed
    network_allowed = item.get_closest_marker("slow") is not None
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)
