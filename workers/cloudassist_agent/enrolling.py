"""``cloudassist-agent register``: how this machine becomes an instance.

It makes its key, which never leaves it, asks with a proof that it has the activation's code, and is answered who it is
and by which password it gets in, sealed to that key. It believes nothing else: whom to trust stands in the code. What
was answered is tried before it is kept. Where the answer was lost, asking again gives the same one.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from cloudassist import ids, topology, transport
from cloudassist.activation import ActivationCode, is_activation_id
from cloudassist.address import with_login, without_login
from cloudassist.enrolment import MEANINGS, REQUEST_SECONDS, Cause, Enrolled, EnrolmentRequest, decode_answer
from cloudassist.errors import CloudAssistError, ConfigurationError, MessageError, ServiceUnavailableError
from cloudassist.keyring import AgreementKey, create_key, encode_key
from cloudassist.keyset import KeySet, Root
from cloudassist.settings import PREFIX, Settings, read
from cloudassist_agent import host
from cloudassist_agent.enrolment import KEPT, Enrolment, agent_dir, state_dir_of, write_private
from cloudassist_agent.owner import Owner
from cloudassist_agent.upstream.wire import Wire

log = logging.getLogger(__name__)

T = TypeVar("T")

ANSWER_SECONDS: Final = 20.0
"""Seconds to wait for the answer."""
_LOOK_SECONDS: Final = 0.1
"""Seconds between two looks for it."""
_PENDING: Final = Path("enrolling", "instance.key")
"""Where the key lies until the machine is enrolled: asking again with the same key gives the same answer."""
_NOT_LET_IN: Final = (
    "the server does not let this activation in: its id or code is wrong, or it was deleted, or ended long ago"
)


class EnrolmentRefusedError(CloudAssistError):
    """The machine was not enrolled, and asking again will not change that."""

    default_status = 403


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it: the enrolment, and whether it is a new one."""

    enrolment: Enrolment
    new: bool


def register(environ: Mapping[str, str], activation_id: str, code: str, name: str = "") -> Outcome:
    """Enrol this machine; nothing is done where it is enrolled at that server already.

    ``environ`` has the settings. Raises EnrolmentRefusedError, ServiceUnavailableError, ConfigurationError.
    """
    left_out = {f"{PREFIX}{each}" for each in ("PASSWORD_FILE", "INSTANCE_ID")}
    given = {key: value for key, value in environ.items() if key.startswith(PREFIX) and key not in left_out}
    settings = read(Settings, given)
    settings = replace(settings, url=without_login(settings.url))
    state_dir = state_dir_of(given)
    before = Enrolment.load(state_dir)
    if before is not None and _still_counts(before, settings, state_dir):
        if before.url != settings.url:
            before = replace(before, url=settings.url)
            before.save(state_dir)
        return Outcome(before, new=False)
    if not is_activation_id(activation_id):
        raise ConfigurationError("the activation id is not a whole one, as `assist activation create` shows it")
    kept = {each: given[PREFIX + each] for each in KEPT if PREFIX + each in given}
    enrolment = _Enrolling(settings, state_dir, activation_id, ActivationCode.parse(code)).carry_out(name, kept)
    return Outcome(enrolment, new=True)


class _Refusal(Exception):  # noqa: N818 - it is no error of the program
    """The server does not let a user in."""


class _Door:
    """A connection of a user, for a few commands."""

    def __init__(self, settings: Settings, user: str, password: str) -> None:
        own = replace(settings, url=with_login(settings.url, user, password))
        self._wire = Wire(lambda: transport.connection(own), "this machine cannot be enrolled now")

    def ask(self, question: Callable[[Any], T]) -> T:
        """Ask the server; raises _Refusal, ServiceUnavailableError."""
        try:
            with self._wire.connection() as connection:
                return question(connection.default_channel.client)
        except ServiceUnavailableError as error:
            if error.__cause__ is not None and transport.is_refusal(error.__cause__):
                raise _Refusal from None
            raise

    def __enter__(self) -> Self:
        """Return the door."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._wire.close()


class _Enrolling:
    """One attempt."""

    def __init__(self, settings: Settings, state_dir: Path, activation_id: str, code: ActivationCode) -> None:
        self._settings = settings
        self._state_dir = state_dir
        self._activation_id = activation_id
        self._code = code

    def carry_out(self, name: str, kept: dict[str, str]) -> Enrolment:
        """Make the key, ask, try what was answered, and keep it."""
        pending = self._state_dir / _PENDING
        try:
            create_key(pending, "instance")
        except OSError as error:
            raise ConfigurationError(f"the key of this machine cannot be written: {error}") from None
        key = AgreementKey.load(pending, "instance")
        answer = self._ask(key, name)
        try:
            password = key.unseal(answer.password).decode()
        except MessageError:
            raise ServiceUnavailableError("the answer is not for the key of this machine") from None
        document = self._try(answer, key, password)
        folder = agent_dir(self._state_dir, answer.instance_id)
        write_private(folder / "instance.key", pending.read_text(encoding="ascii"))
        write_private(folder / "key-set", document)
        enrolment = Enrolment(
            url=self._settings.url,
            instance_id=answer.instance_id,
            epoch=answer.epoch,
            trust=self._code.root.format(),
            tags=answer.tags,
            remote_control=answer.remote_control,
            settings=kept,
        )
        write_private(enrolment.password_file(self._state_dir), password + "\n")
        enrolment.save(self._state_dir)
        pending.unlink(missing_ok=True)
        pending.parent.rmdir()
        return enrolment

    def _ask(self, key: AgreementKey, name: str) -> Enrolled:
        """Ask as the activation's user; raises EnrolmentRefusedError where that is refused."""
        user = topology.activation_user(self._activation_id)
        with _Door(self._settings, user, self._code.password) as door:
            try:
                found = door.ask(lambda client: client.time())
                request = EnrolmentRequest(
                    token=ids.new_token(),
                    expires=1000 * (int(found[0]) + REQUEST_SECONDS) - 1_000,
                    public_key=encode_key(key.public),
                    name=name,
                    hostname=host.hostname(),
                    machine_id=host.machine_id(),
                )
                document = request.seal(self._activation_id, self._code.key)
                door.ask(lambda client: client.lpush(topology.ENROLMENTS_QUEUE, document))
                answer = decode_answer(self._wait(door, request.token))
            except _Refusal:
                raise EnrolmentRefusedError("InvalidActivation.NotLetIn", _NOT_LET_IN) from None
            except MessageError as error:
                raise ServiceUnavailableError(f"the answer cannot be read: {error}") from None
        if isinstance(answer, Cause):
            raise EnrolmentRefusedError(answer.value, MEANINGS[answer])
        return answer

    def _wait(self, door: _Door, token: str) -> bytes:
        deadline = time.monotonic() + ANSWER_SECONDS
        name = topology.enrolled_key(self._activation_id, token)
        while time.monotonic() < deadline:
            answer: bytes | None = door.ask(lambda client: client.get(name))
            if answer:
                return answer
            time.sleep(_LOOK_SECONDS)
        raise ServiceUnavailableError(
            f"the server is there, but nobody answered within {ANSWER_SECONDS:.0f} s; is a worker of the role enrol "
            "running (CLOUDASSIST_ROLE=enrol)?"
        )

    def _try(self, answer: Enrolled, key: AgreementKey, password: str) -> str:
        """Get in as the instance, and return the key set; raises EnrolmentRefusedError for one that is not believed."""
        owner = Owner(encode_key(key.public), host.machine_id())
        with _Door(self._settings, topology.agent_user(answer.instance_id), password) as door:
            try:
                owned, document = door.ask(
                    lambda client: (
                        client.get(topology.owner_key(answer.instance_id)),
                        client.get(topology.KEY_SET_KEY),
                    )
                )
            except _Refusal:
                raise ServiceUnavailableError(
                    f"{answer.instance_id} was enrolled, but the server does not let it in; try again"
                ) from None
        if owned is None or not owner.is_it(owned.decode(errors="replace")):
            raise EnrolmentRefusedError(Cause.NAME_TAKEN.value, MEANINGS[Cause.NAME_TAKEN])
        return _believed(document, self._code.root)


def _believed(document: bytes | None, root: Root) -> str:
    """Return a key set that the root has signed which the code names."""
    if document is None:
        raise ServiceUnavailableError("the server has no key set yet; see `assist key-set publish`")
    try:
        KeySet.open(document, root)
    except MessageError as error:
        raise EnrolmentRefusedError(
            "InvalidKeySet.NotTrusted", f"the key set on the server is not signed by the root key of the code: {error}"
        ) from None
    return document.decode()


def _still_counts(enrolment: Enrolment, settings: Settings, state_dir: Path) -> bool:
    """Tell whether this machine is let in by what it kept; raises EnrolmentRefusedError where that is another's."""
    key_file = agent_dir(state_dir, enrolment.instance_id) / "instance.key"
    key = AgreementKey.load(key_file, "instance")
    password = enrolment.password_file(state_dir).read_text(encoding="utf-8").strip()
    with _Door(settings, topology.agent_user(enrolment.instance_id), password) as door:
        try:
            owned = door.ask(lambda client: client.get(topology.owner_key(enrolment.instance_id)))
        except _Refusal:
            return False
    if owned is not None and not Owner(encode_key(key.public), host.machine_id()).is_it(owned.decode(errors="replace")):
        raise EnrolmentRefusedError(Cause.OTHER_MACHINE.value, MEANINGS[Cause.OTHER_MACHINE])
    return True
