"""Tiny packages, as the registries have them, for tests to read."""

import io
import lzma
import tarfile


def deb(files):
    """A Debian package of these files, name to content."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    members = {
        "debian-binary": b"2.0",  # of an odd size, so that a byte fills up
        "control.tar.xz": b"control",
        "data.tar.xz": lzma.compress(inner.getvalue()),
    }
    content = b"!<arch>\n"
    for name, data in members.items():
        content += f"{name:<16}{0:<12}{0:<6}{0:<6}{0o644:<8}{len(data):<10}".encode()
        content += b"`\n" + data + b"\n" * (len(data) % 2)
    return content


def npm_archive(files):
    """An npm package of these files, name to content."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()
