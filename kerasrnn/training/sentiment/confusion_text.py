def confusion_text(counts, labels) -> str:
    """A confusion matrix as lines of text.

    Example:

    >>> print(confusion_text([[12, 3], [4, 11]], ["no", "yes"]))
    true / predicted   no  yes
                  no   12    3
                 yes    4   11
    """
    corner = "true / predicted"
    width = max([len(corner), *map(len, labels)])
    cell = max([len(str(n)) for row in counts for n in row] + [len(x) for x in labels])
    rows = [
        [corner, *labels],
        *([name, *row] for name, row in zip(labels, counts, strict=True)),
    ]
    return "\n".join(
        f"{row[0]:>{width}}" + "".join(f"  {value:>{cell}}" for value in row[1:])
        for row in rows
    )
