"""Many hosts at a time: each goes its own course, and what one comes to is nobody else's business."""

import asyncio
import logging
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from cloudassist.errors import CloudAssistError, ConfigurationError
from cloudassist.installing import bundle, course, failure
from cloudassist.installing.bundle import Bundle
from cloudassist.installing.course import Region, Step
from cloudassist.installing.destination import Destination
from cloudassist.installing.failure import HostError
from cloudassist.installing.login import Login
from cloudassist.installing.probe import Facts
from cloudassist.installing.secure_shell import Shell, known_hosts, open_shell
from cloudassist.installing.target import Target
from cloudassist.installing.wanted import Wanted, Watcher
from cloudassist.models.host_installation import HostInstallation, InstallationStatus

log = logging.getLogger(__name__)

AT_A_TIME: Final = 20
"""Hosts that are worked on at a time (design)."""

Course = Callable[[Shell, Destination, Step], Awaitable[HostInstallation]]


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The hosts of one call, and what holds for all of them."""

    destinations: Sequence[Destination]
    login: Login
    wanted: Wanted
    watcher: Watcher | None = None
    at_a_time: int = AT_A_TIME

    async def install(self, region: Region, bundles: Sequence[Bundle] = ()) -> list[HostInstallation]:
        """Bring an agent to each host; returns how each has ended. ``bundles`` are files that were made before."""
        with tempfile.TemporaryDirectory(prefix="cloudassist-") as folder:
            shipped, machines = _Shipped(Path(folder), bundles), _Machines()

            def one(shell: Shell, destination: Destination, step: Step) -> Awaitable[HostInstallation]:
                claim = partial(machines.claim, destination)
                return course.install(
                    shell, destination, self.wanted, region=region, bundle_for=shipped.of, claim=claim, step=step
                )

            return await self._each(one)

    async def uninstall(self) -> list[HostInstallation]:
        """Take the agent from each host; returns how each has ended."""
        with tempfile.TemporaryDirectory(prefix="cloudassist-") as folder:
            program = bundle.make_program(Path(folder) / "cloudassist-agent.pyz")

            def one(shell: Shell, destination: Destination, step: Step) -> Awaitable[HostInstallation]:
                return course.uninstall(shell, destination, self.wanted, program=program, step=step)

            return await self._each(one)

    async def _each(self, one: Course) -> list[HostInstallation]:
        known = known_hosts(self.login)
        turns = asyncio.Semaphore(self.at_a_time)
        seen: set[tuple[str, int, str]] = set()

        async def follow(destination: Destination, *, is_twice: bool) -> HostInstallation:
            began = time.monotonic()
            host = str(destination)
            try:
                if is_twice:
                    ended = _failed(
                        host, failure.NAMED_TWICE, "it is named twice in this call, and was done once", began
                    )
                else:
                    async with turns:
                        self._tell(host, "connecting")
                        async with open_shell(destination, self.login, known) as shell:
                            ended = await one(shell, destination, partial(self._tell, host))
            except CloudAssistError as error:
                ended = _failed(host, error.code, error.message, began)
            except Exception as error:  # a fault of ours at one host is not to end the others
                log.exception("the installation on %s has failed", host)
                ended = _failed(host, failure.FAILED, f"{type(error).__name__}: {error}", began)
            if self.watcher is not None:
                self.watcher.on_end(ended)
            return ended

        async with asyncio.TaskGroup() as tasks:
            following = []
            for destination in self.destinations:
                key = destination.host.lower(), destination.port, destination.user or self.login.user
                following.append(tasks.create_task(follow(destination, is_twice=key in seen)))
                seen.add(key)
        return [task.result() for task in following]

    def _tell(self, host: str, step: str) -> None:
        if self.watcher is not None:
            self.watcher.on_step(host, step)


def _failed(host: str, code: str, told: str, began: float) -> HostInstallation:
    seconds = round(time.monotonic() - began, 2)
    return HostInstallation(
        host=host, status=InstallationStatus.FAILED, error_code=code, error_info=told, seconds=seconds
    )


class _Shipped:
    """The files that are shipped: each target's is made once, when the first host needs it."""

    def __init__(self, folder: Path, made: Sequence[Bundle]) -> None:
        self._folder = folder
        self._made = made
        self._making: dict[Target, asyncio.Task[Bundle]] = {}

    async def of(self, target: Target) -> Bundle:
        """Return the file for a target; raises HostError."""
        for given in self._made:
            if given.target is not None and given.target.serves(target):
                return given
        if target not in self._making:
            self._making[target] = asyncio.create_task(asyncio.to_thread(bundle.make, target, self._folder))
        try:
            return await asyncio.shield(self._making[target])
        except ConfigurationError as error:
            raise HostError(failure.NO_WHEELS, error.message) from None


class _Machines:
    """Which installations are being worked on: a machine may have several names."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, ...], Destination] = {}

    def claim(self, destination: Destination, facts: Facts) -> None:
        """Take one; raises HostError where another host of the call is the same machine."""
        first = self._taken.setdefault(facts.installation, destination)
        if first is not destination:
            raise HostError(
                failure.NAMED_TWICE, f"it is the same machine as {first}, and has the same folder {facts['prefix']}"
            )
