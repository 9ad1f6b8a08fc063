"""The key set: which keys count in a region, signed by the region's root key.

Agents pin the root's public half, which is all they are told by hand; everything else they learn from the newest key
set, which lies on the server and cannot be made up there. The root key is needed to change the key set only, so it is
kept offline. A document is ``[signature, payload]`` like an order; the payload is a JSON object.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

from cloudassist import fields
from cloudassist.errors import ConfigurationError, MessageError
from cloudassist.keyring import SIGNATURE_BYTES, SigningKey, decode_key, decode_public_key, encode_key, key_id, verify
from cloudassist.settings import PREFIX, Settings

SCHEMA: Final = 1
"""Version of the key set's content."""
KEY_SET_BYTES: Final = 16 * 1024
"""Bytes of a key set, the most."""
SIGNING_KEYS: Final = 16
"""Signing keys that count at a time, the most: producers and dispatch may each have one, and its successor."""
FOREVER_MS: Final = 2**53
"""The end of a key that has none, in milliseconds."""

_DOMAIN: Final = b"cloudassist/key-set/v1\0"
_PIN: Final = "root="


@dataclass(frozen=True, slots=True)
class Root:
    """The public half of the root key, as agents pin it."""

    public: bytes

    @classmethod
    def parse(cls, text: str, where: str = f"{PREFIX}TRUST") -> Self:
        """Read ``root=KEY``; raises ConfigurationError."""
        if not text.startswith(_PIN):
            raise ConfigurationError(f"{where} must be root=KEY, as `assist init` prints it; it begins {text[:12]!r}")
        return cls(decode_key(text.removeprefix(_PIN), where))

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the pinned root of settings: what they say, or what is in their file; raises ConfigurationError."""
        if settings.trust:
            return cls.parse(settings.trust)
        path = settings.trust_path
        try:
            return cls.parse(path.read_text(encoding="ascii").strip(), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"no key to trust: {PREFIX}TRUST is not set and {path} cannot be read ({error})"
            ) from None

    def format(self) -> str:
        """Return the text that :meth:`parse` reads."""
        return _PIN + encode_key(self.public)


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A signing key that counts from ``not_before`` until ``not_after`` (ms, server's clock)."""

    public: bytes
    not_before: int = 0
    not_after: int = FOREVER_MS

    @property
    def kid(self) -> str:
        """Return the key's short name."""
        return key_id(self.public)


@dataclass(frozen=True)
class KeySet:
    """The keys that count. ``version`` grows with every change; ``report`` is the region's public report key."""

    version: int
    report: bytes
    signing: tuple[TrustedKey, ...]

    def seal(self, root: SigningKey) -> str:
        """Return the signed document."""
        content = {
            "v": SCHEMA,
            "version": self.version,
            "report": encode_key(self.report),
            "signing": [[encode_key(key.public), key.not_before, key.not_after] for key in self.signing],
        }
        payload = json.dumps(content, separators=(",", ":"))
        signature = base64.b64encode(root.sign(_DOMAIN + payload.encode())).decode()
        return json.dumps([signature, payload], separators=(",", ":"))

    @classmethod
    def open(cls, document: str | bytes, root: Root) -> Self:
        """Verify a document's bytes, then read it; raises MessageError."""
        signature, payload = _parts(document)
        verify(root.public, signature, _DOMAIN + payload)
        source = fields.parse_object(payload, limit=KEY_SET_BYTES)
        if source.get("v") != SCHEMA:
            raise MessageError("unknown-schema", str(source.get("v"))[:20])
        return cls(
            version=fields.integer(source, "version", least=1, most=FOREVER_MS),
            report=decode_public_key(fields.text(source, "report", most=64)),
            signing=_signing(source.get("signing")),
        )

    @classmethod
    def load(cls, path: Path, root: Root) -> tuple[Self, bytes]:
        """Read a file; returns the key set and its document. Raises ConfigurationError."""
        try:
            document = path.read_bytes()
            return cls.open(document, root), document
        except OSError as error:
            raise ConfigurationError(f"the key set {path} cannot be read: {error}") from None
        except MessageError as error:
            raise ConfigurationError(f"{path} is no key set of {root.format()}: {error}") from None

    def verify(self, kid: str, signature: bytes, data: bytes, now: int) -> None:
        """Raise MessageError (unknown-key, key-not-valid, bad-signature) unless ``kid`` counts now and signed this."""
        key = self._by_kid.get(kid)
        if key is None:
            raise MessageError("unknown-key", kid[:32])
        if not key.not_before <= now < key.not_after:
            raise MessageError("key-not-valid", kid)
        verify(key.public, signature, data)

    @cached_property
    def _by_kid(self) -> Mapping[str, TrustedKey]:
        return {key.kid: key for key in self.signing}


def _parts(document: str | bytes) -> tuple[bytes, bytes]:
    match fields.parse_array(document, limit=KEY_SET_BYTES):
        case [str() as signature, str() as payload]:
            pass
        case _:
            raise MessageError("bad-key-set")
    try:
        raw, data = base64.b64decode(signature, validate=True), payload.encode()
    except ValueError:
        raise MessageError("bad-key-set") from None
    if len(raw) != SIGNATURE_BYTES:
        raise MessageError("bad-key-set", f"a signature of {len(raw)} bytes")
    return raw, data


def _signing(value: Any) -> tuple[TrustedKey, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= SIGNING_KEYS:
        raise MessageError("bad-field", f"signing must be a list of 1 to {SIGNING_KEYS} keys")
    return tuple(map(_key, value))


def _key(value: Any) -> TrustedKey:
    if not isinstance(value, list) or len(value) != len(TrustedKey.__slots__):
        raise MessageError("bad-field", "a signing key is [key, not_before, not_after]")
    source = dict(zip(TrustedKey.__slots__, value, strict=True))
    return TrustedKey(
        decode_public_key(fields.text(source, "public", most=64)),
        fields.integer(source, "not_before", least=0, most=FOREVER_MS),
        fields.integer(source, "not_after", least=0, most=FOREVER_MS),
    )
