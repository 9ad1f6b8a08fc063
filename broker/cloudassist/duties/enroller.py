"""The enroller: brings instances in and lets them go. The only one besides the administrator that makes users.

It takes what producers ask of it, and what machines ask that have an activation's code. Each is one function call in
the ledger, and what follows from that for the users of the server. Whoever got no answer asks again; nothing is done
twice by that.
"""

import logging
import time
from dataclasses import replace
from typing import Any, Final

from cloudassist import access, keyring, topology
from cloudassist.duties.petitions import Petitions, keep_users
from cloudassist.enrolment import Answer, Cause, Enrolled, EnrolmentRequest, SealedRequest, encode_answer
from cloudassist.errors import MessageError
from cloudassist.fields import parse_object
from cloudassist.limits import MESSAGE_BYTES
from cloudassist.looper import Looper
from cloudassist.settings import Settings
from cloudassist.store import activations, enrolments, instances, reports, users
from cloudassist.store.ledger import Ledger

log = logging.getLogger(__name__)

WAIT_SECONDS: Final = 1.0
"""Seconds that one wait for a petition or a request lasts."""
LOOK_SECONDS: Final = 30.0
"""Seconds between two looks at what has lapsed, and at how much waits."""
MOST: Final = 100
"""Users that are removed at a time since their activations have lapsed."""

_AGAIN: Final = "again"
"""Stands in the ledger's answer to a machine that was let in before."""
_NO_NAME: Final = "?"
"""Stands for a name that was asked for and cannot name an instance."""


class Enroller(Looper):
    """The duty; several may run at once."""

    name = "enroller"

    def __init__(self, ledger: Ledger, settings: Settings, *, database: int, remote_control: bool) -> None:
        super().__init__()
        self._ledger = ledger
        self._database = database
        self._remote_control = remote_control
        self._petitions = Petitions(ledger, settings, database)
        self._next_look = 0.0

    def turn(self) -> float:
        """Take what is asked, do it, answer; never rests, for it waits in the server."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_SECONDS
            self._look()
        asked = self._ledger.call(enrolments.wait_for_one(WAIT_SECONDS))
        if asked is not None:
            try:
                if asked.is_petition:
                    self._petitions.grant(asked.document)
                else:
                    self._enrol(asked.document)
            except MessageError as error:
                log.warning("put aside what was asked: %s", error.reason)
                self._ledger.run(reports.put_aside([(asked.document, f"enrol-{error.reason}")]))
        return 0

    def finish(self) -> None:
        """Nothing is held."""

    def _look(self) -> None:
        """Drop what is too much, and remove the users of activations that have been over for long enough."""
        now, _ = self._ledger.run([instances.server_time(), enrolments.drop_newest()])
        gone = self._ledger.call(activations.lapsed(now, MOST))
        for activation_id in gone:
            name = topology.activation_user(activation_id)
            self._ledger.run([users.remove(name), activations.note_lapsed(activation_id)])
        if gone:
            log.info("%d activations have lapsed", len(gone))
            keep_users(self._ledger)

    def _enrol(self, document: bytes) -> None:
        """Make an instance of a machine, and its user; raises MessageError for what is no request, or comes again."""
        sealed = SealedRequest.parse(document)
        verifier = self._ledger.call(activations.read_verifier(sealed.activation_id))
        if not verifier:
            raise MessageError("unknown-activation")
        request = _named(sealed.open(verifier))
        password = access.new_password()
        secret = keyring.seal(password.encode(), keyring.decode_public_key(request.public_key))
        found = self._ledger.call(
            enrolments.admit(sealed.activation_id, request, password=secret, digest=access.digest(password))
        )
        answer = self._answer(found)
        if isinstance(answer, Enrolled):
            self._let_in(answer.instance_id, found[4], again=found[0] == _AGAIN)
        self._tell(sealed.activation_id, request, answer)

    def _answer(self, found: list[Any]) -> Answer:
        match found:
            case ["admitted" | "again", str() as name, epoch, str() as password, _, str() as tags]:
                carried = parse_object(tags, limit=MESSAGE_BYTES)
                return Enrolled(
                    instance_id=name,
                    epoch=int(epoch),
                    password=password,
                    tags=carried,
                    remote_control=self._remote_control,
                )
            case ["refused", str() as cause]:
                return Cause(cause)
            case _:
                raise MessageError(str(found[1]))

    def _let_in(self, instance_id: str, digest: str, *, again: bool) -> None:
        """Make the instance's user; one that is there already stays as it is, for it may be in quarantine."""
        user = access.agent(instance_id, database=self._database, remote_control=self._remote_control)
        if again and self._ledger.call(users.exists(user.name)):
            return
        self._ledger.call(users.write(user.name, user.words_for(digest)))
        if not self._ledger.call(instances.is_enrolled(instance_id)):  # another worker has let it go meanwhile
            self._ledger.call(users.remove(user.name))
        keep_users(self._ledger)

    def _tell(self, activation_id: str, request: EnrolmentRequest, answer: Answer) -> None:
        self._ledger.call(enrolments.answer(activation_id, request.token, encode_answer(answer)))
        if isinstance(answer, Enrolled):
            log.info("%s is enrolled (activation %s)", answer.instance_id, activation_id)
        else:
            log.warning("a machine (%s) was refused: %s", request.hostname, answer.value)


def _named(request: EnrolmentRequest) -> EnrolmentRequest:
    """Return a request whose names can name an instance; one that cannot is refused by that which is left of it."""
    hostname = request.hostname if topology.is_instance_id(request.hostname) else ""
    name = request.name if not request.name or topology.is_instance_id(request.name) else _NO_NAME
    return replace(request, hostname=hostname, name=name)
