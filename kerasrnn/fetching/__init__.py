"""Fetches files of packages by name, checks their bytes, and executes none of them."""

from kerasrnn.fetching.debian_package import fetch_debian, open_debian
from kerasrnn.fetching.fetch_error import FetchError
from kerasrnn.fetching.npm_package import fetch_npm
from kerasrnn.fetching.package_file import (
    PackageFile,
    cache_directory,
    fetch,
)
from kerasrnn.fetching.tar_member import read_member

__all__ = [
    "FetchError",
    "PackageFile",
    "cache_directory",
    "fetch",
    "fetch_debian",
    "fetch_npm",
    "open_debian",
    "read_member",
]
