"""Draws pictures that are made of lines and not of pixels."""


def draw_svg(svg: str, **options) -> bytes:
    """An SVG drawing as PNG; what it does not fill is transparent.

    Args:
        svg: the drawing.
        **options: of `resvg_py.svg_to_bytes`, such as `width`.

    Raises:
        ImportError: resvg is not installed.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise ImportError(
            "Drawings in SVG are read with resvg-py, which is not installed: "
            "pip install 'kerasrnn[caption]'."
        ) from error

    # Text would look different on every machine.
    return resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True, **options)
