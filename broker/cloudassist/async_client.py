"""The same face for asyncio: :class:`AsyncAssistant` and :class:`AsyncInvocation`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec, Self, TypeVar

from cloudassist.async_session import AsyncSession
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
from cloudassist.page import AsyncPage
from cloudassist.settings import Settings, read
from cloudassist.status import InvokeStatus

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=ApiModel)


def _method(
    operation: Callable[Concatenate[Context, P], Operation[T]],
) -> Callable[Concatenate["AsyncAssistant", P], Awaitable[T]]:
    """Return the method that carries an operation out."""

    @wraps(operation)
    async def method(self: "AsyncAssistant", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._session.drive(operation(self._session.context, *args, **kwargs))

    return method


def _run(
    operation: Callable[Concatenate[Context, P], Operation[Planned]],
) -> Callable[Concatenate["AsyncAssistant", P], Awaitable["AsyncInvocation"]]:
    """Return the method that begins a run and returns its handle."""

    @wraps(operation)
    async def method(self: "AsyncAssistant", /, *args: P.args, **kwargs: P.kwargs) -> "AsyncInvocation":
        planned = await self._session.drive(operation(self._session.context, *args, **kwargs))
        return AsyncInvocation(self, self._session, planned.invoke_id, planned.command_id)

    return method


def _listing(
    operation: Callable[Concatenate[Context, P], Operation[Listing[M]]],
) -> Callable[Concatenate["AsyncAssistant", P], Awaitable[AsyncPage[M]]]:
    """Return the method that returns a page."""

    @wraps(operation)
    async def method(self: "AsyncAssistant", /, *args: P.args, **kwargs: P.kwargs) -> AsyncPage[M]:
        async def follow(token: str) -> AsyncPage[M]:
            return await method(self, *args, **{**kwargs, "next_token": token})  # type: ignore[arg-type]

        return AsyncPage(await self._session.drive(operation(self._session.context, *args, **kwargs)), follow)

    return method


def _over_ssh(
    operation: Callable[Concatenate[ControlPlane, Settings, P], Awaitable[T]],
) -> Callable[Concatenate["AsyncAssistant", P], Awaitable[T]]:
    """Return the method that works on many hosts at a time."""

    @wraps(operation)
    async def method(self: "AsyncAssistant", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await operation(_Calls(self), self._session.context.settings, *args, **kwargs)

    return method


class AsyncAssistant:
    """A connection to one region, as :class:`~cloudassist.client.Assistant`; for one event loop.

    Use it as an asynchronous context manager, or call :meth:`close`.
    """

    def __init__(self, url: str | None = None, *, settings: Settings | None = None) -> None:
        self._session = AsyncSession(read(Settings, url=url) if settings is None else settings)

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

    async def invocation(self, invoke_id: str) -> "AsyncInvocation":
        """Return the handle of an earlier run; raises NotFoundError."""
        fields = await self._session.drive(progress_of.known_invocation(invoke_id))
        return AsyncInvocation(self, self._session, invoke_id, fields["command_id"])

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        """Return the assistant; it is closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self.close()


class _Calls:
    """What an installation asks of the control plane."""

    def __init__(self, assistant: AsyncAssistant) -> None:
        self._assistant = assistant

    async def create_activation(self, instance_count: int, hours: int) -> tuple[str, str]:
        """Make an activation; return its id and its code."""
        made = await self._assistant.create_activation(instance_count=instance_count, time_to_live_in_hours=hours)
        return made.activation_id, made.activation_code

    async def disable_activation(self, activation_id: str) -> None:
        """Let it let nobody in any more."""
        await self._assistant.disable_activation(activation_id)

    async def instances(self, instance_ids: Sequence[str]) -> list[Instance]:
        """Return those of the instances that are registered."""
        return list(await self._assistant.describe_instances(instance_ids))


class AsyncInvocation:
    """The handle of one run. ``status`` is as of the last :meth:`wait` or :meth:`refresh`."""

    def __init__(self, assistant: AsyncAssistant, session: AsyncSession, invoke_id: str, command_id: str) -> None:
        self._assistant = assistant
        self._session = session
        self.invoke_id = invoke_id
        self.command_id = command_id
        self.status = InvokeStatus.RUNNING

    def __repr__(self) -> str:
        """Show the id and the last status."""
        return f"<AsyncInvocation {self.invoke_id} {self.status}>"

    async def refresh(self) -> Progress:
        """Read how the run stands now."""
        now = await self._session.drive(progress_of.progress(self._session.context, self.invoke_id))
        self.status = now.status
        return now

    async def wait(self, timeout: float | None = None) -> Self:  # noqa: ASYNC109 - as the synchronous one
        """Wait until the run has ended on every instance, at most ``timeout`` seconds; returns itself."""
        async for _ in self.follow(timeout):
            pass
        return self

    async def follow(self, timeout: float | None = None) -> AsyncIterator[Progress]:  # noqa: ASYNC109 - likewise
        """Yield how the run stands, at once and whenever that changes, until it has ended."""
        operation = progress_of.follow(self._session.context, self.invoke_id, timeout)
        async for now in self._session.follow(operation):
            self.status = now.status
            yield now

    async def tail(self, timeout: float | None = None) -> AsyncIterator[Piece]:  # noqa: ASYNC109 - likewise
        """Yield what the scripts write, as it comes, of the first hundred instances, until the run has ended."""
        async for piece in self._session.follow(tail(self._session.context, self.invoke_id, timeout)):
            yield piece

    async def results(self) -> AsyncIterator[InvocationResult]:
        """Yield the result of each instance, in the order in which they were named."""
        largest = self._session.context.settings.page_size_maximum
        page = await self._assistant.describe_invocation_results(self.invoke_id, max_results=largest)
        async for result in page.all():
            yield result

    async def stop(self, instance_ids: Sequence[str] | None = None) -> None:
        """Stop the run on all instances, or on some."""
        await self._assistant.stop_invocation(self.invoke_id, instance_ids)
