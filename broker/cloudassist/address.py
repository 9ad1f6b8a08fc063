"""URLs of the server, taken apart and put together; of several Sentinels the first has the login."""

from urllib.parse import quote, urlsplit


def without_login(url: str) -> str:
    """Return a URL without the user and the password that are in it."""
    scheme, separator, rest = url.partition("://")
    first, semicolon, others = rest.partition(";")
    return scheme + separator + first.rpartition("@")[2] + semicolon + others


def with_login(url: str, user: str, password: str = "") -> str:
    """Return a URL with this user, and its password unless that is empty, in the place of those that are in it."""
    scheme, separator, rest = without_login(url).partition("://")
    secret = f":{quote(password, safe='')}" if password else ""
    return f"{scheme}{separator}{user}{secret}@{rest}"


def database_of(url: str) -> int:
    """Return the number of the database that a URL names."""
    return int(urlsplit(url.partition(";")[0]).path.strip("/") or 0)
