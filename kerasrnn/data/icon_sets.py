"""Where emoji by several hands lie as lines, and how such a drawing becomes a file."""

from collections.abc import Mapping
from typing import Any

from kerasrnn.fetching import PackageFile


def _icons(hand, version, sha256):
    return PackageFile(
        package=f"@iconify-json/{hand}",
        version=version,
        filename=f"iconify-json-{hand}-{version}.tgz",
        sha256=sha256,
    )


# By hand: whose drawings they are.
ICONS = {
    "noto": _icons(
        "noto",
        "1.2.9",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
    ),
    "noto-v1": _icons(
        "noto-v1",
        "1.2.5",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
    ),
    "twemoji": _icons(
        "twemoji",
        "1.2.5",
        "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
    ),
    "openmoji": _icons(
        "openmoji",
        "1.2.29",
        "03181e2c156cab35cf4a62f1f7886bd971d59212e75ac3f189d5a4cae3930fc5",
    ),
    "fluent-emoji-flat": _icons(
        "fluent-emoji-flat",
        "1.2.6",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
    ),
    "emojione": _icons(
        "emojione",
        "1.2.3",
        "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
    ),
    "fxemoji": _icons(
        "fxemoji",
        "1.2.2",
        "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
    ),
}


def icon_svg(
    icon: Mapping[str, Any], size: tuple[float, float]
) -> tuple[str, tuple[float, float]]:
    """An icon of a package as an SVG file, with its width and height.

    Args:
        icon: its `body`, and its `width` and `height` where it has its own.
        size: width and height of the package's other icons.

    Example:

    >>> svg, size = icon_svg({"body": "<path/>", "width": 64}, (128, 128))
    >>> size
    (64, 128)
    >>> svg.endswith('viewBox="0 0 64 128"><path/></svg>')
    True
    """
    width, height = icon.get("width", size[0]), icon.get("height", size[1])
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"{icon['body']}</svg>"
    )
    return svg, (width, height)
