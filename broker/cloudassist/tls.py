"""TLS to the server: what both of its clients, redis-py's and kombu's, are told, and what their errors mean.

Certificates are always verified, and host names always checked. kombu would verify nothing where it is told nothing.
"""

import ssl
from itertools import islice
from pathlib import Path
from typing import Any, Final

from cloudassist.errors import ConfigurationError
from cloudassist.settings import PREFIX, TLS_SCHEME, Settings

_CLOSED: Final = ("connection closed by server", "connection reset by peer")
_CERTIFICATE: Final = f"it may want a client certificate of its own CA; see {PREFIX}TLS_CERTIFICATE"
_MEANINGS: Final = (
    (("hostname mismatch", "ip address mismatch"), "its certificate is for another host"),
    (("certificate_verify_failed",), f"its certificate is not of the CA of {PREFIX}TLS_CA"),
    (("wrong_version_number", "record layer failure"), "it does not speak TLS; the URL would begin with redis://"),
    # A server of plain text waits for the end of the line in which TLS begins.
    (("timeout connecting",), "it may not speak TLS; the URL would begin with redis://"),
    # By TLS 1.3 a client has finished before the server has looked at its certificate.
    (("alert certificate required", "alert unknown ca", "alert bad certificate", *_CLOSED), _CERTIFICATE),
)
"""Words in an error of a TLS connection, in lower case, and what they mean."""


def options(settings: Settings) -> dict[str, Any]:
    """Return the options of a connection, by redis-py's names; none where the URL is not rediss://.

    Raises ConfigurationError where a file cannot be read.
    """
    if not settings.url.startswith(TLS_SCHEME):
        return {}
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        "ssl_ca_certs": _readable("TLS_CA", settings.tls_ca),
        "ssl_certfile": _readable("TLS_CERTIFICATE", settings.tls_certificate),
        "ssl_keyfile": _readable("TLS_KEY", settings.tls_key),
    }


def meaning(url: str, text: str) -> str:
    """Return what a failure to connect means for TLS, as the end of a sentence; empty where it means nothing."""
    lowered = text.lower()
    if not url.startswith(TLS_SCHEME):
        closed = any(words in lowered for words in _CLOSED)
        return "; if it speaks TLS, the URL begins with rediss://" if closed else ""
    meant = (meant for words, meant in _MEANINGS if any(word in lowered for word in words))
    return "".join(f"; {each}" for each in islice(meant, 1))


def _readable(name: str, path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{PREFIX}{name} cannot be read: {error}") from None
    return str(path)
