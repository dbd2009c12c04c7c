"""What a failed download says, and never says: names and passwords in addresses."""

import re

# `name:password@` after `://`, up to the last @ that can belong to it. A password
# may hold an @, and where somebody forgot to encode it a slash.
USER = re.compile(
    r"(?<=://)(?:[^\s/?#\"'<>]*@|(?!\[|[^\s/@:]*:\d*(?:/|\s|$))"
    r"[^\s/@:]*:[^\s\"'<>]*@)"
)
# The same where an address has no scheme, as that of a proxy may have none.
BARE_USER = re.compile(r"(?<![\w/])[^\s/:@\"'<>=(]+:[^\s/:@\"'<>]+@(?=[\w\[])")
# Signed addresses, to which an index may refer, hold their key in the query.
QUERY = re.compile(r"(\w://[^\s?\"'<>]*)\?[^\s\"'<>]*")


def without_credentials(text: str) -> str:
    """`text` in which no address holds a name, a password or a query any more.

    Example:

    >>> without_credentials("GET https://me:secret@mirror/simple?key=1: 404")
    'GET https://mirror/simple?… 404'
    """
    text = USER.sub("", text)
    text = BARE_USER.sub("", text)
    return QUERY.sub(r"\1?…", text)


class FetchError(OSError):
    """A file of a package could not be had; the message says why and what to do.

    Addresses in the message are shown without name, password and query.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_credentials(message))


def why(error: Exception) -> str:
    """Why a request failed, in words of our own: those of others repeat the address."""
    import requests

    if isinstance(error, FetchError):
        return str(error)
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(error, requests.HTTPError):
        return f"it answered {error.response.status_code}"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, requests.RequestException):
        return f"its address is not understood ({type(error).__name__})"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"its answer is not understood ({type(error).__name__})"
