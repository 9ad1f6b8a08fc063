"""The keys of an installation: who may order, whom to believe, and how an instance proves its reports.

============  ==========================  =======================================================================
key           held by                     does
============  ==========================  =======================================================================
signing key   producers and dispatch      signs orders (Ed25519)
report key    the aggregator              agrees with each instance on the key of its reports (X25519)
instance key  one instance                the other half of that agreement; never leaves the instance
trust         every agent                 the public halves of the first two; not secret
============  ==========================  =======================================================================

The key of a report's MAC is computed on both sides from one's own private and the other's public key, so no secret
ever travels. Key files are one line of text, readable by their owner only.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from nacl.bindings import (
    crypto_scalarmult,
    crypto_scalarmult_base,
    crypto_sign,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import BadSignatureError

from cloudassist.errors import ConfigurationError, MessageError

KEY_BYTES: Final = 32
"""Bytes of every private and public key (Ed25519 seed, X25519)."""
SIGNATURE_BYTES: Final = 64
"""Bytes of an Ed25519 signature."""

_MAC_DOMAIN: Final = b"cloudassist/report-key/v1\0"


@dataclass(frozen=True, repr=False)
class SigningKey:
    """The private key that makes an order an order. ``kid`` names its public half in envelopes."""

    kid: str
    public: bytes
    _secret: bytes

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Build the key from its 32 secret bytes."""
        public, secret = crypto_sign_seed_keypair(seed)
        return cls(key_id(public), public, secret)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the key from its file; raises ConfigurationError."""
        return cls.from_seed(_read_key(path, "signing"))

    def sign(self, data: bytes) -> bytes:
        """Return the 64 byte signature over ``data``."""
        return crypto_sign(data, self._secret)[:SIGNATURE_BYTES]


@dataclass(frozen=True, repr=False)
class AgreementKey:
    """One side's X25519 key: the region's report key, or the key of one instance."""

    public: bytes
    _secret: bytes

    @classmethod
    def load(cls, path: Path, kind: str) -> Self:
        """Read the key of this kind (``report`` or ``instance``) from its file; raises ConfigurationError."""
        secret = _read_key(path, kind)
        return cls(crypto_scalarmult_base(secret), secret)

    def mac_key(self, instance_id: str, other_public: bytes) -> bytes:
        """Return the key under which this instance's reports are authenticated; both sides get the same.

        Raises MessageError (bad-key) for a public key that is not a point one can agree with.
        """
        if len(other_public) != KEY_BYTES:  # the binding does not look
            raise MessageError("bad-key", f"{len(other_public)} bytes")
        try:
            shared = crypto_scalarmult(self._secret, other_public)
        except RuntimeError:  # a point of low order: everybody could compute what is agreed
            raise MessageError("bad-key", "low order") from None
        return hashlib.sha256(_MAC_DOMAIN + instance_id.encode() + b"\0" + shared).digest()


@dataclass(frozen=True)
class Trust:
    """What an agent believes in: the public signing keys by kid, and the region's public report key."""

    signing: dict[str, bytes]
    report: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``signing=KEY,report=KEY`` (``signing`` may come more than once); raises ConfigurationError."""
        signing: dict[str, bytes] = {}
        report = b""
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            kind, _, value = part.partition("=")
            if kind == "signing":
                public = _decode_key(value, "CLOUDASSIST_TRUST")
                signing[key_id(public)] = public
            elif kind == "report":
                report = _decode_key(value, "CLOUDASSIST_TRUST")
            else:
                raise ConfigurationError(f"CLOUDASSIST_TRUST has {kind!r}; it is signing=KEY,report=KEY")
        if not signing or not report:
            raise ConfigurationError(
                "CLOUDASSIST_TRUST must name a signing and a report key; `assist init` prints both"
            )
        return cls(signing, report)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the text of :meth:`format` from a file; raises ConfigurationError."""
        try:
            return cls.parse(path.read_text(encoding="ascii").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"no keys to trust: CLOUDASSIST_TRUST is not set and {path} cannot be read ({error})"
            ) from None

    def format(self) -> str:
        """Return the text that :meth:`parse` reads."""
        parts = [f"signing={encode_key(public)}" for public in self.signing.values()]
        return ",".join([*parts, f"report={encode_key(self.report)}"])

    def verify(self, kid: str, signature: bytes, data: bytes) -> None:
        """Raise MessageError (unknown-key, bad-signature) unless the key ``kid`` signed ``data``."""
        public = self.signing.get(kid)
        if public is None:
            raise MessageError("unknown-key", kid[:32])
        try:
            crypto_sign_open(signature + data, public)
        except (BadSignatureError, ValueError):
            raise MessageError("bad-signature") from None


def key_id(public: bytes) -> str:
    """Return the short name of a public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def mac(key: bytes, data: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of ``data``."""
    return hmac.digest(key, data, "sha256").hex()


def same_mac(one: str, other: str) -> bool:
    """Compare two MACs in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def encode_key(public: bytes) -> str:
    """Return the text form of a public key."""
    return base64.urlsafe_b64encode(public).decode().rstrip("=")


def decode_public_key(text: str) -> bytes:
    """Read the text form of a public key that came in a message; raises MessageError (bad-key)."""
    try:
        return _decode_key(text, "public_key")
    except ConfigurationError as error:
        raise MessageError("bad-key", error.message) from None


def create_key(path: Path, kind: str) -> bool:
    """Write a new key of this kind unless the file exists; return whether it was written."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"cloudassist-{kind}-v1 {encode_key(secrets.token_bytes(KEY_BYTES))}\n")
    return True


def _read_key(path: Path, kind: str) -> bytes:
    try:
        content = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the {kind} key {path} cannot be read: {error}") from None
    label, _, value = content.strip().partition(" ")
    if label != f"cloudassist-{kind}-v1":
        raise ConfigurationError(f"{path} is not a {kind} key")
    return _decode_key(value, str(path))


def _decode_key(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{where} has a key that is not {KEY_BYTES} bytes of Base64")
    return key
