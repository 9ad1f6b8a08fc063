"""The keys of an installation, made once: by ``assist init``, and by a local stack for itself."""

from typing import Final

from cloudassist.keyring import AgreementKey, SigningKey, create_key
from cloudassist.keyset import KeySet, Root, TrustedKey
from cloudassist.settings import Settings

KINDS: Final = ("root", "signing", "report")
"""Kinds of key files, each with a setting of its own."""


def make_keys(settings: Settings) -> dict[str, bool]:
    """Make the key files that are not there yet; tell of each kind whether it was made.

    Where there is no key set, the first one is written, with the signing and the report key in it, and so is the trust
    file. Raises ConfigurationError.
    """
    made = {kind: create_key(getattr(settings, f"{kind}_key_file"), kind) for kind in KINDS}
    root = SigningKey.load(settings.root_key_file, "root")
    if not settings.key_set_file.exists():
        signing = SigningKey.load(settings.signing_key_file)
        report = AgreementKey.load(settings.report_key_file, "report")
        save(settings, KeySet(1, report.public, (TrustedKey(signing.public),)), root)
    settings.trust_path.parent.mkdir(parents=True, exist_ok=True)
    settings.trust_path.write_text(Root(root.public).format() + "\n", encoding="ascii")
    return made


def save(settings: Settings, keys: KeySet, root: SigningKey) -> None:
    """Sign a key set and write it to its file."""
    path = settings.key_set_file
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(keys.seal(root) + "\n", encoding="ascii")
    fresh.replace(path)
