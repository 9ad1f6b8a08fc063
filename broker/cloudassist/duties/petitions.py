"""What producers ask of the enroller, done: each is a function call in the ledger, and what it means for users."""

import logging
from collections.abc import Callable
from typing import Any, Final

from cloudassist import access, petition, topology
from cloudassist.activation import is_activation_id
from cloudassist.errors import MessageError
from cloudassist.petition import Petition, Wish
from cloudassist.settings import Settings
from cloudassist.store import activations, enrolments, users
from cloudassist.store.ledger import Ledger

log = logging.getLogger(__name__)

_OF_ACTIVATIONS: Final = frozenset({Wish.CREATE_ACTIVATION, Wish.DISABLE_ACTIVATION, Wish.DELETE_ACTIVATION})
_HOUR_MS: Final = 3_600_000


class Petitions:
    """Grants them. Users go before their instances do, so that what was asked can be asked again at any point."""

    def __init__(self, ledger: Ledger, settings: Settings, database: int) -> None:
        self._ledger = ledger
        self._settings = settings
        self._database = database
        self._grants: dict[Wish, Callable[[Petition], list[Any]]] = {
            Wish.CREATE_ACTIVATION: self._create,
            Wish.DISABLE_ACTIVATION: lambda asked: ledger.call(activations.disable(asked.subject, asked.act)),
            Wish.DELETE_ACTIVATION: self._delete,
            Wish.MODIFY_INSTANCE: lambda asked: ledger.call(
                enrolments.modify(asked.subject, asked.values.get("name", ""), asked.act)
            ),
            Wish.DEREGISTER_INSTANCE: self._deregister,
        }

    def grant(self, document: bytes) -> None:
        """Do what a petition asks, and leave the answer; raises MessageError for what is none."""
        asked = Petition.decode(document)
        valid = is_activation_id if asked.wish in _OF_ACTIVATIONS else topology.is_instance_id
        if not valid(asked.subject):
            raise MessageError("bad-petition", "subject")
        verdict = self._grants[asked.wish](asked)
        log.info("%s %s: %s", asked.wish, asked.subject, verdict[0])
        self._ledger.run(enrolments.answer_petition(asked.token, petition.encode_answer(verdict)))

    def _create(self, asked: Petition) -> list[Any]:
        values = dict(asked.values)
        try:
            token, digest, login = values.pop("client_token"), values.pop("digest"), values.pop("login")
            life_ms = _HOUR_MS * int(values["hours"])
        except (KeyError, ValueError):
            raise MessageError("bad-petition", "values") from None
        verdict = self._ledger.call(
            activations.create(
                asked.subject,
                values,
                token=token,
                digest=digest,
                token_ms=1000 * self._settings.client_token_seconds,
                most=self._settings.activations,
                life_ms=life_ms,
                act=asked.act,
            )
        )
        if verdict[0] == "made":
            user = access.activation(asked.subject, database=self._database)
            self._ledger.call(users.write(user.name, user.words_for(login)))
            keep_users(self._ledger)
        return verdict

    def _delete(self, asked: Petition) -> list[Any]:
        verdict = self._ledger.call(activations.delete(asked.subject, asked.act))
        if verdict[0] == "deleted":
            self._remove(topology.activation_user(asked.subject))
        return verdict

    def _deregister(self, asked: Petition) -> list[Any]:
        self._remove(topology.agent_user(asked.subject))
        return self._ledger.call(enrolments.deregister(asked.subject, asked.act))

    def _remove(self, name: str) -> None:
        """Remove a user; the server ends its connections with it."""
        if self._ledger.call(users.remove(name)):
            keep_users(self._ledger)


def keep_users(ledger: Ledger) -> None:
    """Have the server keep its users over a restart; one without a file for them cannot."""
    (saved,) = ledger.try_all([users.save()])
    if isinstance(saved, Exception):
        log.warning("the server does not keep its users over a restart: %s", saved)
