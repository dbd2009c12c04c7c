"""What the page takes from npm: ONNX Runtime Web, and pictures to describe."""

import json
import pathlib
import tarfile

from kerasrnn.data.icon_sets import ICONS, icon_svg
from kerasrnn.fetching import PackageFile, fetch_npm, read_member

# MIT. Its module holds all but the WebAssembly.
RUNTIME = PackageFile(
    package="onnxruntime-web",
    version="1.30.0",
    filename="onnxruntime-web-1.30.0.tgz",
    sha256="d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
)
RUNTIME_FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
# Noto Emoji, Apache-2.0, of the test split of `stamps_and_emoji`: none of them was
# trained on, nor the same thing in another skin tone.
PICTURES = (
    "elephant",
    "dolphin",
    "snowman",
    "church",
    "hamburger",
    "sunflower",
    "delivery-truck",
    "man-surfing",
)


def write_runtime(folder: pathlib.Path) -> None:
    """Write the files of ONNX Runtime Web to a folder that is made."""
    folder.mkdir()
    with tarfile.open(fetch_npm(RUNTIME)) as archive:
        for name in RUNTIME_FILES:
            (folder / name).write_bytes(read_member(archive, f"package/dist/{name}"))


def write_pictures(folder: pathlib.Path) -> list[dict[str, str]]:
    """Write SVG files to a folder that is made; gives file and name of each."""
    folder.mkdir()
    with tarfile.open(fetch_npm(ICONS["noto"])) as archive:
        found = json.loads(read_member(archive, "package/icons.json"))
    size = found["width"], found["height"]
    for name in PICTURES:
        svg, _ = icon_svg(found["icons"][name], size)
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    return [
        {"file": f"{folder.name}/{name}.svg", "name": name.replace("-", " ")}
        for name in PICTURES
    ]
