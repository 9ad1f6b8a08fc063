"""Sealing the secret values of a run: encrypted once, the key of that sealed to each instance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudassist.errors import ConflictError, MessageError
from cloudassist.keyring import decode_public_key
from cloudassist.operations.steps import Operation
from cloudassist.secret_values import encrypt, new_key, seal
from cloudassist.store import instances, invocations
from cloudassist.store.call import Call
from cloudassist.store.invocations import READ_CHUNK


@dataclass(frozen=True, slots=True)
class Sealed:
    """The encrypted values of a run, and by instance the sealed key; empty where nothing is secret."""

    text: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)

    def calls(self, invoke_id: str, lifetime_ms: int) -> list[Call[Any]]:
        """Return the calls that keep the sealed keys for as long as an order may be sent again."""
        pairs = list(self.keys.items())
        return [
            call
            for start in range(0, len(pairs), READ_CHUNK)
            for call in invocations.write_sealed(invoke_id, pairs[start : start + READ_CHUNK], lifetime_ms)
        ]


def seal_values(invoke_id: str, values: Mapping[str, str], instance_ids: Sequence[str]) -> Operation[Sealed]:
    """Seal the values of a run to its instances; raises ConflictError for one that has no key to seal to."""
    if not values:
        return Sealed()
    texts = yield [instances.read_public_key(instance_id) for instance_id in instance_ids]
    key = new_key()
    sealed = {}
    for instance_id, text in zip(instance_ids, texts, strict=True):
        try:
            sealed[instance_id] = seal(key, decode_public_key(text))
        except MessageError as error:
            raise ConflictError(
                "InvalidInstance.NotSealable",
                f"{instance_id} has no key that secret values can be sealed to: {error}",
            ) from None
    return Sealed(encrypt(invoke_id, values, key), sealed)
