"""The producer's face: :class:`Assistant` and the handle of a run, :class:`Invocation`.

Every method is one operation of the API, driven synchronously: the rules stand in :mod:`cloudassist.operations`. Safe
to share between threads.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from cloudassist import limits, topology
from cloudassist.models.base import Page
from cloudassist.models.instance import Instance
from cloudassist.models.invocation import Progress
from cloudassist.models.record import InvocationResult
from cloudassist.operations import arguments, describe, run_command, stop_invocation
from cloudassist.session import Session
from cloudassist.settings import Settings, read
from cloudassist.status import InvokeStatus


class Assistant:
    """A connection to one region. Use it as a context manager, or call :meth:`close`.

    ``url`` defaults to ``$CLOUDASSIST_URL``. Every other setting comes from the environment, unless ``settings`` are
    given: then they are all that counts.
    The signing key is read at the first call that needs it.
    """

    def __init__(self, url: str | None = None, *, settings: Settings | None = None) -> None:
        self._session = Session(read(Settings, url=url) if settings is None else settings)

    def run_command(
        self,
        command_content: str,
        *,
        type: str = "RunShellScript",  # noqa: A002 - the API's name
        instance_ids: Sequence[str],
        parameters: Mapping[str, str] | None = None,
        enable_parameter: bool | None = None,
        timeout: int = limits.TIMEOUT_DEFAULT_SECONDS,
        working_dir: str = "",
        name: str = "",
        description: str = "",
        client_token: str | None = None,
    ) -> "Invocation":
        """Run a script once on instances; returns at once (API a.1).

        ``timeout`` is in seconds. ``enable_parameter`` defaults to true when ``parameters`` are given. The same
        ``client_token`` with the same arguments returns the same run and starts nothing again. An instance that is
        offline gets a Failed record (ClientNotRunning); the others go on.

        Raises InvalidParameterError and its kinds, ConflictError, ConfigurationError, ServiceUnavailableError.
        """
        self._session.signer()
        request = run_command.check(
            self._session.settings,
            command_content=command_content,
            type=type,
            instance_ids=instance_ids,
            parameters=parameters,
            enable_parameter=enable_parameter,
            timeout=timeout,
            working_dir=working_dir,
            name=name,
            description=description,
            client_token=client_token,
        )
        planned = self._session.drive(run_command.run_command(request, self._session.settings))
        return Invocation(self, self._session, planned.invoke_id, planned.command_id)

    def stop_invocation(self, invoke_id: str, instance_ids: Sequence[str] | None = None) -> None:
        """Stop a run on all instances, or on some (at most 50); what has ended stays as it is (API a.4)."""
        self._session.signer()
        self._session.drive(
            stop_invocation.stop_invocation(invoke_id, stop_invocation.check(instance_ids), self._session.settings)
        )

    def invocation(self, invoke_id: str) -> "Invocation":
        """Return the handle of an earlier run; raises NotFoundError."""
        fields = self._session.drive(describe.known_invocation(invoke_id))
        return Invocation(self, self._session, invoke_id, fields["command_id"])

    def describe_invocation_results(
        self, invoke_id: str, *, max_results: int = limits.PAGE_SIZE, next_token: str = ""
    ) -> Page[InvocationResult]:
        """Return a page of the results of one run, in the order in which its instances were named (API a.7)."""
        size = describe.page_size(max_results)
        start = describe.page_start(next_token)
        rows, total = self._session.drive(describe.results(invoke_id, start, size))
        more = start + size < total
        return Page(
            rows,
            next_token=str(start + size) if more else "",
            total_count=total,
            follow=lambda token: self.describe_invocation_results(invoke_id, max_results=size, next_token=token),
        )

    def describe_instances(
        self, instance_ids: Sequence[str] | None = None, *, max_results: int = limits.PAGE_SIZE, next_token: str = ""
    ) -> Page[Instance]:
        """Return a page of the registered instances, or those of the given ids that are registered (API a.17)."""
        size = describe.page_size(max_results)
        if instance_ids is not None:
            rows, total = self._session.drive(
                describe.named(arguments.instance_ids(instance_ids, limits.PAGE_SIZE_MAXIMUM))
            )
            return Page(rows, next_token="", total_count=total, follow=self._no_more)
        after = topology.check_instance_id(next_token) if next_token else ""
        rows, total = self._session.drive(describe.registered(after, size))
        return Page(
            rows,
            next_token=rows[-1].instance_id if len(rows) == size else "",
            total_count=total,
            follow=lambda token: self.describe_instances(max_results=size, next_token=token),
        )

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def __enter__(self) -> Self:
        """Return the assistant; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        self.close()

    def _no_more(self, _token: str) -> Page[Instance]:
        return Page((), next_token="", total_count=0, follow=self._no_more)


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
        progress = self._session.drive(describe.progress(self.invoke_id))
        self.status = progress.status
        return progress

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
        for progress in self._session.follow(self.invoke_id, timeout):
            self.status = progress.status
            yield progress

    def results(self) -> Iterator[InvocationResult]:
        """Yield the result of each instance, in the order in which they were named."""
        page = self._assistant.describe_invocation_results(self.invoke_id, max_results=limits.PAGE_SIZE_MAXIMUM)
        return page.all()

    def stop(self, instance_ids: Sequence[str] | None = None) -> None:
        """Stop the run on all instances, or on some."""
        self._assistant.stop_invocation(self.invoke_id, instance_ids)
