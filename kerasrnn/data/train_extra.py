"""The packages that only reading data sets needs: the extra `train`."""

import importlib
from types import ModuleType


def tensorflow_datasets() -> ModuleType:
    """TFDS.

    Raises:
        ImportError: it is not installed; the message says how to.
    """
    return needed("tensorflow_datasets", "Data sets")


def needed(module: str, what: str) -> ModuleType:
    """A module that comes with the extra `train`.

    Args:
        module: its name.
        what: what needs it, as the message begins.

    Raises:
        ImportError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{what} need {module.partition('.')[0]}, which comes with the extra "
            "`train`: pip install 'kerasrnn[train]'."
        ) from error
