"""TFDS's builder of a data set, and what it gives."""

from typing import Any

from kerasrnn.data.train_extra import tensorflow_datasets
from kerasrnn.fetching import FetchError


def prepared_builder(
    name: str,
    data_dir=None,
    *,
    expected="`name_or_path` must be a data set that TFDS knows, or a .tsv file",
):
    """TFDS's builder of a data set that is on this machine, fetched if need be.

    Args:
        name: as `tfds.builder` takes it.
        data_dir: TFDS's data directory; None: its default.
        expected: what the error says where there is no such data set.

    Raises:
        ValueError: TFDS knows no such data set.
        FetchError: it cannot be fetched. TFDS itself would retry for minutes.
    """
    tfds = tensorflow_datasets()

    import kerasrnn.data  # noqa: F401  Registers the builders.

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{expected}; got {str(name)!r} ({reason}).") from error
    if not builder.is_prepared():
        _check_reachable(builder)
        builder.download_and_prepare()
    return builder


def _check_reachable(builder):
    import requests

    for url in list(builder.url_infos or ())[:1]:
        reason = None
        try:
            requests.get(url, stream=True, timeout=(5, 15)).close()
        except requests.RequestException as error:
            reason = type(error).__name__
        # Not while the other error is handled, which may repeat a proxy's password.
        if reason:
            raise FetchError(
                f"{builder.name} is not on this machine (looked in "
                f"{builder.data_dir}) and its source does not answer ({reason}). "
                "Check the network, or copy the prepared data set there from a machine "
                "that has it (TFDS_DATA_DIR says where)."
            )


def read_columns(builder, split: str) -> dict[str, Any]:
    """All examples of a split, as one tensor a feature.

    Args:
        builder: as `prepared_builder` gives it.
        split: what TFDS calls it.

    Raises:
        ValueError: the data set has no such split.
    """
    try:
        return builder.as_dataset(split=split, batch_size=-1, shuffle_files=False)
    except ValueError as error:
        raise unknown_split(builder, split) from error


def unknown_split(builder, split: str) -> ValueError:
    """The error that says which splits a data set has."""
    return ValueError(
        f"`split` must be made of {', '.join(builder.info.splits)}; got {split!r}."
    )
