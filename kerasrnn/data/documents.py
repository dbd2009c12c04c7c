"""Documents, such as plays or source files, of a TFDS data set of texts."""

import os

from kerasrnn.data.tfds_builder import prepared_builder, read_columns


def load_documents(
    name: str,
    split: str = "train",
    *,
    config: str | None = None,
    data_dir: str | os.PathLike | None = None,
) -> list[str]:
    """The documents of a TFDS data set, in the order of their ids where they have one.

    Args:
        name: name of a TFDS data set with a feature `text`: `shakespeare_plays`,
            `kernel_c`, or TFDS's own `tiny_shakespeare`.
        split: what TFDS calls it; `"train[:90%]"`, which counts documents, works too.
        config: which of its configurations, where the data set has several.
        data_dir: TFDS's data directory; None: its default.

    Raises:
        ValueError: there is no such data set or split, or it has no feature `text`.
        FetchError: the data set is not on this machine and cannot be fetched.
    """
    expected = "`name` must be a data set of texts that TFDS knows"
    full_name = name if config is None else f"{name}/{config}"
    builder = prepared_builder(full_name, data_dir, expected=expected)
    if "text" not in builder.info.features:
        raise ValueError(
            f"{expected}; got {full_name!r}, which has "
            f"{', '.join(builder.info.features)}."
        )
    columns = read_columns(builder, split)
    texts = columns["text"].numpy().tolist()
    if "id" in columns:
        ids = columns["id"].numpy().tolist()
        texts = [text for _, text in sorted(zip(ids, texts, strict=True))]
    return [text.decode("utf-8", "replace") for text in texts]
