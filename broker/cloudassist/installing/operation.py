"""InstallCloudAssistant (API a.11) and its undoing: what a caller says, and what the control plane does for it.

Nothing here loads SSH: that is done when the operation is used.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from cloudassist.address import without_login
from cloudassist.errors import (
    CloudAssistError,
    ConfigurationError,
    InvalidParameterError,
    LimitExceededError,
    NotFoundError,
)
from cloudassist.installing.bundle import Bundle
from cloudassist.installing.destination import PORT, Destination
from cloudassist.installing.login import Login
from cloudassist.installing.wanted import Wanted, Watcher
from cloudassist.models.host_installation import HostInstallation
from cloudassist.models.instance import Instance
from cloudassist.operations import arguments
from cloudassist.settings import Settings

log = logging.getLogger(__name__)

ACTIVATION_HOURS: Final = 1
"""Hours that the activation of one call is good for; it is disabled at the call's end."""
HOSTS: Final = 1_000
"""Hosts of one call, the most: what one activation may let in (API a.17)."""


class ControlPlane(Protocol):
    """The operations that an installation needs, as asyncio has them."""

    async def create_activation(self, instance_count: int, hours: int) -> tuple[str, str]:
        """Make an activation; return its id and its code."""

    async def disable_activation(self, activation_id: str) -> None:
        """Let it let nobody in any more."""

    async def instances(self, instance_ids: Sequence[str]) -> list[Instance]:
        """Return those of the instances that are registered."""


async def install_cloud_assistant(
    control_plane: ControlPlane,
    settings: Settings,
    /,
    hosts: Sequence[str] | None = None,
    *,
    instance_ids: Sequence[str] | None = None,
    ssh_user: str = "",
    ssh_key: Path | str | None = None,
    ssh_port: int = PORT,
    known_hosts: Path | str | None = None,
    host_keys: Sequence[str] = (),
    sudo: bool = False,
    url: str = "",
    agent_settings: Mapping[str, str] | None = None,
    prefix: str = "",
    state_dir: str = "",
    python: str = "",
    runtime: Path | str | None = None,
    service: str = "auto",
    bundles: Sequence[Path | str] = (),
    online_timeout: float = 60.0,
    watcher: Watcher | None = None,
) -> list[HostInstallation]:
    """Bring the agent to hosts over SSH, enrol them, and wait until their instances are online (API a.11).

    ``hosts`` are ``[NAME=][USER@]HOST[:PORT]``; ``instance_ids`` (at most 50) stand for the last known addresses of
    instances, whose agents are installed again or upgraded. Returns a row for each, in this order: what fails on one
    host is told there, and stops no other. A host that has the agent already gets this version, and is mended.

    ``ssh_user`` is for hosts that name none, ``ssh_key`` a private key's file. A host's key must be in ``known_hosts``,
    or its fingerprint in ``host_keys``. ``sudo`` installs for the whole machine as root; else an ordinary user gets an
    agent of his own. ``url`` is where the hosts reach the server, without a login. ``agent_settings`` are kept with
    the agent, by their names without CLOUDASSIST_. ``python`` is the one to take on the hosts; ``runtime`` a
    tar.gz of one that runs wherever it is unpacked, for hosts that have none. ``service`` is auto, systemd, background
    or none. ``bundles`` are
    files of ``assist bundle``, for hosts whose wheels cannot be fetched here. Raises InvalidParameterError.
    """
    destinations = await _destinations(control_plane, settings, hosts, instance_ids, ssh_port)
    login = Login(user=ssh_user, key=_path(ssh_key), known_hosts=_path(known_hosts), host_keys=host_keys, sudo=sudo)
    wanted = Wanted(
        url=without_login(url or settings.url),
        prefix=prefix,
        state_dir=state_dir,
        python=python,
        runtime=_path(runtime),
        service=service,
        tls_ca=_text(settings.tls_ca),
        settings=agent_settings or {},
        online_seconds=online_timeout,
    )
    given = [Bundle.read(Path(path)) for path in bundles]
    fleet = _fleet()(destinations=destinations, login=login, wanted=wanted, watcher=watcher)
    async with _region(control_plane, len(destinations)) as region:
        rows: list[HostInstallation] = await fleet.install(region, given)
        return rows


async def uninstall_cloud_assistant(
    control_plane: ControlPlane,
    settings: Settings,
    /,
    hosts: Sequence[str] | None = None,
    *,
    instance_ids: Sequence[str] | None = None,
    ssh_user: str = "",
    ssh_key: Path | str | None = None,
    ssh_port: int = PORT,
    known_hosts: Path | str | None = None,
    host_keys: Sequence[str] = (),
    sudo: bool = False,
    prefix: str = "",
    state_dir: str = "",
    purge: bool = False,
    watcher: Watcher | None = None,
) -> list[HostInstallation]:
    """End the agent on hosts and take away what was installed, whole or half; arguments as of the installation.

    Scripts that run may go on for the time of a drain. The state folder with key and journal stays, unless ``purge`` is
    given; the instance stays known until it is deregistered. Raises InvalidParameterError.
    """
    destinations = await _destinations(control_plane, settings, hosts, instance_ids, ssh_port)
    login = Login(user=ssh_user, key=_path(ssh_key), known_hosts=_path(known_hosts), host_keys=host_keys, sudo=sudo)
    wanted = Wanted(prefix=prefix, state_dir=state_dir, purge=purge)
    fleet = _fleet()(destinations=destinations, login=login, wanted=wanted, watcher=watcher)
    rows: list[HostInstallation] = await fleet.uninstall()
    return rows


class _Region:
    """The control plane as one call sees it: one activation for all of its hosts, made when the first needs it."""

    def __init__(self, control_plane: ControlPlane, count: int) -> None:
        self._control_plane = control_plane
        self._count = count
        self._lock = asyncio.Lock()
        self._made: tuple[str, str] | None = None

    async def activation(self) -> tuple[str, str]:
        """Return its id and its code."""
        async with self._lock:
            if self._made is None:
                self._made = await self._control_plane.create_activation(self._count, ACTIVATION_HOURS)
        return self._made

    async def is_online(self, instance_id: str, version: str) -> bool:
        """Tell whether an instance is there, with an agent of this version."""
        found = await self._control_plane.instances([instance_id])
        return any(instance.online and instance.agent_version == version for instance in found)

    async def close(self) -> None:
        """Let nobody in any more who has seen the code."""
        if self._made is None:
            return
        try:
            await self._control_plane.disable_activation(self._made[0])
        except CloudAssistError as error:  # what the hosts have come to is not to be lost for it
            log.warning("the activation %s could not be disabled: %s; it ends by itself", self._made[0], error)


@asynccontextmanager
async def _region(control_plane: ControlPlane, count: int) -> AsyncIterator[_Region]:
    region = _Region(control_plane, count)
    try:
        yield region
    finally:
        await region.close()


def _fleet() -> Any:
    try:
        return import_module("cloudassist.installing.fleet").Fleet
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{error.name} is not installed; `pip install cloudassist[install]` brings it"
        ) from None


async def _destinations(
    control_plane: ControlPlane,
    settings: Settings,
    hosts: Sequence[str] | None,
    instance_ids: Sequence[str] | None,
    port: int,
) -> list[Destination]:
    """Return the hosts of a call; raises InvalidParameterError, NotFoundError, LimitExceededError."""
    if isinstance(hosts, str):
        raise InvalidParameterError("InvalidParameter.Host", f"hosts is a list, also of one; it is {hosts!r}")
    found = [Destination.parse(host) for host in hosts or ()]
    if instance_ids is not None:
        found += await _addresses(control_plane, settings, instance_ids, port)
    if not found:
        raise InvalidParameterError("MissingParam.InstanceId", "neither a host nor an instance is named")
    if len(found) > HOSTS:
        raise LimitExceededError("InstanceIds.ExceedLimit", f"{len(found)} hosts are named; the limit is {HOSTS}")
    return found


async def _addresses(
    control_plane: ControlPlane, settings: Settings, instance_ids: Sequence[str], port: int
) -> list[Destination]:
    """Return where instances were last; raises InvalidParameterError for one that is not known."""
    named = arguments.instance_ids(instance_ids, settings.page_size_maximum)
    known = {instance.instance_id: instance.address for instance in await control_plane.instances(named)}
    missing = ", ".join(name for name in named if not known.get(name))
    if missing:
        raise NotFoundError("InvalidInstance.NotFound", f"no address is known of {missing}: name the host instead")
    return [Destination(known[name], port, name=name) for name in named]


def _text(file: Path | None) -> str:
    try:
        return "" if file is None else file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"CLOUDASSIST_TLS_CA cannot be read: {error}") from None


def _path(value: Path | str | None) -> Path | None:
    return None if value is None else Path(value).expanduser()
