"""The producer's face: :class:`Assistant` and the handle of a run, :class:`Invocation`.

Every method is one operation of the API, driven synchronously: the rules stand in :mod:`cloudassist.operations`. Safe
to share between threads.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from cloudassist.installing.operation import ControlPlane, install_cloud_assistant, uninstall_cloud_assistant
from cloudassist.models.base import ApiModel
from cloudassist.models.instance import Instance
from cloudassist.models.invocation import Progress
from cloudassist.models.record import InvocationResult
from cloudassist.operations import progress as progress_of
from cloudassist.operations.clone_command import clone_command
from cloudassist.operations.create_activation import create_activation
from cloudassist.operations.create_command import create_command
from cloudassist.operations.delete_activation import delete_activation
from cloudassist.operations.delete_command import delete_command
from cloudassist.operations.deregister_managed_instance import deregister_managed_instance
from cloudassist.operations.describe_activations import describe_activations
from cloudassist.operations.describe_audit_trail import describe_audit_trail
from cloudassist.operations.describe_cloud_assistant_status import describe_cloud_assistant_status
from cloudassist.operations.describe_commands import describe_commands
from cloudassist.operations.describe_instances import describe_instances
from cloudassist.operations.describe_invocation_results import describe_invocation_results
from cloudassist.operations.describe_invocations import describe_invocations
from cloudassist.operations.describe_managed_instances import describe_managed_instances
from cloudassist.operations.disable_activation import disable_activation
from cloudassist.operations.invoke_command import invoke_command
from cloudassist.operations.listing import Listing
from cloudassist.operations.modify_command import modify_command
from cloudassist.operations.modify_managed_instance import modify_managed_instance
from cloudassist.operations.planning import Planned
from cloudassist.operations.run_command import run_command
from cloudassist.operations.steps import Context, Operation
from cloudassist.operations.stop_invocation import stop_invocation
from cloudassist.operations.tail import Piece, tail
from cloudassist.page import Page
from cloudassist.session import Session
from cloudassist.settings import Settings, read
from cloudassist.status import InvokeStatus

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=ApiModel)


def _method(operation: Callable[Concatenate[Context, P], Operation[T]]) -> Callable[Concatenate["Assistant", P], T]:
    """Return the method that carries an operation out."""

    @wraps(operation)
    def method(self: "Assistant", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._session.drive(operation(self._session.context, *args, **kwargs))

    return method


def _run(
    operation: Callable[Concatenate[Context, P], Operation[Planned]],
) -> Callable[Concatenate["Assistant", P], "Invocation"]:
    """Return the method that begins a run and returns its handle."""

    @wraps(operation)
    def method(self: "Assistant", /, *args: P.args, **kwargs: P.kwargs) -> "Invocation":
        planned = self._session.drive(operation(self._session.context, *args, **kwargs))
        return Invocation(self, self._session, planned.invoke_id, planned.command_id)

    return method


def _listing(
    operation: Callable[Concatenate[Context, P], Operation[Listing[M]]],
) -> Callable[Concatenate["Assistant", P], Page[M]]:
    """Return the method that returns a page."""

    @wraps(operation)
    def method(self: "Assistant", /, *args: P.args, **kwargs: P.kwargs) -> Page[M]:
        def follow(token: str) -> Page[M]:
            return method(self, *args, **{**kwargs, "next_token": token})  # type: ignore[arg-type]

        return Page(self._session.drive(operation(self._session.context, *args, **kwargs)), follow)

    return method


def _over_ssh(
    operation: Callable[Concatenate[ControlPlane, Settings, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["Assistant", P], T]:
    """Return the method that works on many hosts at a time, in an event loop of its own."""

    @wraps(operation)
    def method(self: "Assistant", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return asyncio.run(operation(_InThreads(self), self._session.context.settings, *args, **kwargs))

    return method


class Assistant:
    """A connection to one region. Use it as a context manager, or call :meth:`close`.

    ``url`` defaults to ``$CLOUDASSIST_URL``. Every other setting comes from the environment, unless ``settings`` are
    given: then they are all that counts.
    The signing key is read at the first call that needs it.
    """

    def __init__(self, url: str | None = None, *, settings: Settings | None = None) -> None:
        self._session = Session(read(Settings, url=url) if settings is None else settings)

    create_command = _method(create_command)
    clone_command = _method(clone_command)
    modify_command = _method(modify_command)
    delete_command = _method(delete_command)
    describe_commands = _listing(describe_commands)
    run_command = _run(run_command)
    invoke_command = _run(invoke_command)
    stop_invocation = _method(stop_invocation)
    describe_invocations = _listing(describe_invocations)
    describe_invocation_results = _listing(describe_invocation_results)
    describe_instances = _listing(describe_instances)
    describe_cloud_assistant_status = _listing(describe_cloud_assistant_status)
    create_activation = _method(create_activation)
    describe_activations = _listing(describe_activations)
    disable_activation = _method(disable_activation)
    delete_activation = _method(delete_activation)
    describe_managed_instances = _listing(describe_managed_instances)
    modify_managed_instance = _method(modify_managed_instance)
    deregister_managed_instance = _method(deregister_managed_instance)
    describe_audit_trail = _listing(describe_audit_trail)
    install_cloud_assistant = _over_ssh(install_cloud_assistant)
    uninstall_cloud_assistant = _over_ssh(uninstall_cloud_assistant)

    def invocation(self, invoke_id: str) -> "Invocation":
        """Return the handle of an earlier run; raises NotFoundError."""
        fields = self._session.drive(progress_of.known_invocation(invoke_id))
        return Invocation(self, self._session, invoke_id, fields["command_id"])

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def __enter__(self) -> Self:
        """Return the assistant; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        self.close()


class _InThreads:
    """What an installation asks of the control plane: the event loop, which has the hosts, never waits for it."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    async def create_activation(self, instance_count: int, hours: int) -> tuple[str, str]:
        """Make an activation; return its id and its code."""
        make = self._assistant.create_activation
        made = await asyncio.to_thread(make, instance_count=instance_count, time_to_live_in_hours=hours)
        return made.activation_id, made.activation_code

    async def disable_activation(self, activation_id: str) -> None:
        """Let it let nobody in any more."""
        await asyncio.to_thread(self._assistant.disable_activation, activation_id)

    async def instances(self, instance_ids: Sequence[str]) -> list[Instance]:
        """Return those of the instances that are registered."""
        return list(await asyncio.to_thread(self._assistant.describe_instances, instance_ids))


class Invocation:
    """The handle of one run. ``status`` is as of the last :meth:`wait` or :meth:`refresh`."""

    def __init__(self, assistant: Assistant, session: Session, invoke_id: str, command_id: str) -> None:
        self._assistant = assistant
        self._session = session
        self.invoke_id = invoke_id
        self.command_id = command_id
        self.status = InvokeStatus.RUNNING

    def __repr__(self) -> str:
        """Show the id and the last status."""
        return f"<Invocation {self.invoke_id} {self.status}>"

    def refresh(self) -> Progress:
        """Read how the run stands now."""
        now = self._session.drive(progress_of.progress(self._session.context, self.invoke_id))
        self.status = now.status
        return now

    def wait(self, timeout: float | None = None) -> Self:
        """Wait until the run has ended on every instance, at most ``timeout`` seconds; returns itself.

        Follows notices instead of polling. Raises WaitTimeoutError (a TimeoutError); ServiceUnavailableError after a
        minute without an answer from the server.
        """
        for _ in self.follow(timeout):
            pass
        return self

    def follow(self, timeout: float | None = None) -> Iterator[Progress]:
        """Yield how the run stands, at once and whenever that changes, until it has ended."""
        for now in self._session.follow(progress_of.follow(self._session.context, self.invoke_id, timeout)):
            self.status = now.status
            yield now

    def tail(self, timeout: float | None = None) -> Iterator[Piece]:
        """Yield what the scripts write, as it comes, of the first hundred instances, until the run has ended."""
        yield from self._session.follow(tail(self._session.context, self.invoke_id, timeout))

    def results(self) -> Iterator[InvocationResult]:
        """Yield the result of each instance, in the order in which they were named."""
        largest = self._session.context.settings.page_size_maximum
        return self._assistant.describe_invocation_results(self.invoke_id, max_results=largest).all()

    def stop(self, instance_ids: Sequence[str] | None = None) -> None:
        """Stop the run on all instances, or on some."""
        self._assistant.stop_invocation(self.invoke_id, instance_ids)
