import tarfile


def read_member(archive: tarfile.TarFile, member: str | tarfile.TarInfo) -> bytes:
    """The contents of a file in a tar archive.

    Args:
        archive: The archive, open for reading.
        member: The file, or its name.

    Raises:
        KeyError: The archive has no member of that name.
        ValueError: The member is no file.
    """
    file = archive.extractfile(member)
    if file is None:
        raise ValueError(f"`member` must be a file of the archive; got {member!r}.")
    return file.read()
