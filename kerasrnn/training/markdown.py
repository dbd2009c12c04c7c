"""Parts of Markdown that cards are made of."""


def table(head, rows):
    """A table with a row of titles."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines).replace(
        " --- ", "---"
    )


def paragraph(text):
    """A text without line feeds, as YAML folds them."""
    return " ".join(str(text or "Not stated.").split())
