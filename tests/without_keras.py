"""A process where whoever imports keras or kerasrnn gets an ImportError."""

import subprocess
import sys

BLOCK = """
import importlib.abc, importlib.machinery, sys

class Blocked(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("keras", "kerasrnn"):
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        raise ImportError(spec.name + " is blocked")
    def exec_module(self, module):
        pass

sys.meta_path.insert(0, Blocked())
try:
    import kerasrnn
except ImportError:
    pass
else:
    raise SystemExit("the block does not block")
"""
CHECK = """
assert "keras" not in sys.modules and "kerasrnn" not in sys.modules
"""


def run_without_keras(code, *arguments):
    """Run Python code, which has `sys`, with arguments."""
    command = [sys.executable, "-c", BLOCK + code + CHECK, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
