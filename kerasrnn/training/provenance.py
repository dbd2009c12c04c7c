"""Where a number comes from: code, versions and machine."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess

import kerasrnn


def provenance() -> dict:
    """Commit, versions and hardware of this process."""
    import keras
    import tensorflow as tf

    versions = {"kerasrnn": kerasrnn.__version__, "python": platform.python_version()}
    for package in ("keras", "tensorflow", "numpy", "jax", "torch"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    hardware = {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "gpus": [gpu.name for gpu in tf.config.list_physical_devices("GPU")],
        "system": platform.platform(),
    }
    return {
        "commit": _commit(),
        "backend": keras.config.backend(),
        "versions": versions,
        "hardware": hardware,
    }


def processor() -> str:
    """The processor's name."""
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _commit():
    """The commit of the checkout that this package runs from, or None."""
    package = pathlib.Path(kerasrnn.__file__).resolve().parent

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", str(package), *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    try:
        # Installed into an environment that lies in somebody's checkout is not ours.
        if pathlib.Path(git("rev-parse", "--show-toplevel")) != package.parent:
            return None
        modified = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("rev-parse", "HEAD") + ("+modified" if modified else "")
    except (OSError, subprocess.CalledProcessError):
        return None
