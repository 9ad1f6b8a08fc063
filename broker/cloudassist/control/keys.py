"""The keys without which a worker of the control plane could not work."""

from cloudassist.control.settings import ControlSettings, Role
from cloudassist.keyring import AgreementKey, SigningKey
from cloudassist.keyset import KeySet, Root


def check(settings: ControlSettings) -> None:
    """Raise ConfigurationError where one that the role needs is not there."""
    if settings.role == Role.DISPATCH:
        SigningKey.load(settings.signing_key_file)
        Root.of(settings)
        return
    if settings.role == Role.ENROL:
        return
    AgreementKey.load(settings.report_key_file, "report")
    if settings.key_set_file.exists():
        KeySet.load(settings.key_set_file, Root.of(settings))
