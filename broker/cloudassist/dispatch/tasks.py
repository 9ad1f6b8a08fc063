"""The tasks of dispatch, and how they are sent: what is handed over is named only, and looked up in the ledger."""

from collections.abc import Callable, Sequence
from typing import Any

from kombu.exceptions import OperationalError

from cloudassist import ids, topology, transport
from cloudassist.app import Application
from cloudassist.dispatch import occurrences
from cloudassist.duties import sweeper
from cloudassist.errors import MessageError, ServiceUnavailableError
from cloudassist.orders import RECORD_ID_CHARACTERS
from cloudassist.strict import Accepted, StrictTask


class Redeliver(StrictTask):
    """Records whose runs, and records whose stops, are to be sent again."""

    name = topology.REDELIVER_TASK

    def accept(self, message: Any) -> Accepted:
        """Take two lists of record ids from the message; raises MessageError."""
        runs, stops = _lists(message, 2, sweeper.MOST)
        return Accepted(message.headers["id"], (runs, stops), f"({len(runs)} runs, {len(stops)} stops)")

    def run(self, runs: list[str], stops: list[str]) -> str:
        """Send them."""
        return f"{self.app.redelivery.redeliver(runs, stops)} orders sent"


class _OfOccurrences(StrictTask):
    """Base of the tasks that take occurrences of recurring tasks."""

    abstract = True

    def accept(self, message: Any) -> Accepted:
        """Take a list of occurrence ids from the message; raises MessageError."""
        (named,) = _lists(message, 1, occurrences.MOST)
        for occurrence in named:
            ids.moment_of(occurrence)
        return Accepted(message.headers["id"], (named,), f"({len(named)} occurrences)")


class Occur(_OfOccurrences):
    """Occurrences that are to be planned."""

    name = topology.OCCUR_TASK

    def run(self, named: list[str]) -> str:
        """Plan them, and send their orders."""
        return f"{self.app.occurrences.plan(named)} orders sent"


class Foresee(_OfOccurrences):
    """Occurrences that come before long."""

    name = topology.FORESEE_TASK

    def run(self, named: list[str]) -> str:
        """Read and verify what they need."""
        return f"{self.app.occurrences.foresee(named)} tasks known"


def redeliver(app: Application) -> Callable[[Sequence[str], Sequence[str]], None]:
    """Return the function by which the sweeper hands records to dispatch."""

    def send(runs: Sequence[str], stops: Sequence[str]) -> None:
        if runs or stops:
            _send(app, topology.REDELIVER_TASK, (list(runs), list(stops)), f"({len(runs)} runs, {len(stops)} stops)")

    return send


def occur(app: Application, named: Sequence[str]) -> None:
    """Hand occurrences to dispatch; raises ServiceUnavailableError."""
    _name(app, topology.OCCUR_TASK, named)


def foresee(app: Application, named: Sequence[str]) -> None:
    """Tell dispatch which occurrences come before long; raises ServiceUnavailableError."""
    _name(app, topology.FORESEE_TASK, named)


def _name(app: Application, task: str, named: Sequence[str]) -> None:
    for start in range(0, len(named), occurrences.MOST):
        few = list(named[start : start + occurrences.MOST])
        _send(app, task, (few,), f"({len(few)} occurrences)")


def _send(app: Application, task: str, args: tuple[list[str], ...], shown: str) -> None:
    queue = transport.direct_queue(topology.DISPATCH_QUEUE)
    try:
        app.send_task(task, args, queue=queue, declare=[], retry=False, argsrepr=shown, kwargsrepr="{}")
    except OperationalError as error:
        raise ServiceUnavailableError(f"what is due could not be handed to dispatch: {error}") from None


def _lists(message: Any, count: int, most: int) -> list[list[str]]:
    """Return the lists of ids that a message consists of."""
    try:
        args, _, _ = message.decode()
    except Exception as error:  # kombu's decoders raise what they please
        raise MessageError("bad-body", str(error)[:100]) from None
    if not isinstance(args, list) or len(args) != count or not all(_is_list_of_ids(names, most) for names in args):
        raise MessageError("bad-body", f"not {count} lists of ids")
    return args


def _is_list_of_ids(value: object, most: int) -> bool:
    return isinstance(value, list) and len(value) <= most and all(map(_is_id, value))


def _is_id(value: object) -> bool:
    return isinstance(value, str) and len(value) <= RECORD_ID_CHARACTERS
