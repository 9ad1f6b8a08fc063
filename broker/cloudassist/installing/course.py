"""The course of one host: look at it, ship the file, have it installed, wait until its instance is there."""

import asyncio
import json
import shlex
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from cloudassist.installing import failure, fitness, runtime
from cloudassist.installing.bundle import Bundle
from cloudassist.installing.destination import Destination
from cloudassist.installing.failure import HostError
from cloudassist.installing.probe import Facts, Python, probe
from cloudassist.installing.secure_shell import Shell
from cloudassist.installing.shipping import ship
from cloudassist.installing.target import Target
from cloudassist.installing.wanted import Wanted
from cloudassist.models.host_installation import HostInstallation, InstallationStatus

SHIP_SECONDS: Final = 600.0
"""Seconds in which a file must have been shipped."""
HOST_SECONDS: Final = 1_200.0
"""Seconds in which the host must have installed it; an upgrade waits for the scripts that run."""
LOOK_SECONDS: Final = 0.3
"""Seconds between two looks whether an instance is there."""

Step = Callable[[str], None]
"""Is told each step as it begins: a word or two."""


class Region(Protocol):
    """What the control plane does for an installation."""

    async def activation(self) -> tuple[str, str]:
        """Return the id and the code of an activation that lets one more machine in."""

    async def is_online(self, instance_id: str, version: str) -> bool:
        """Tell whether an instance is there, with an agent of this version."""


async def install(
    shell: Shell,
    destination: Destination,
    wanted: Wanted,
    *,
    region: Region,
    bundle_for: Callable[[Target], Awaitable[Bundle]],
    claim: Callable[[Facts], None],
    step: Step,
) -> HostInstallation:
    """Bring an agent to a host; raises HostError. ``claim`` refuses a machine that another host of the call is."""
    began = time.monotonic()
    step("looking")
    facts = await probe(shell, prefix=wanted.prefix, state_dir=wanted.state_dir, python=wanted.python)
    claim(facts)
    chosen = await _choose(shell, facts, wanted, step)
    bundle = await bundle_for(chosen.target)
    step("shipping")
    place = await _ship(shell, bundle)
    try:
        activation_id, code = await region.activation()
        secrets = {
            "activation_id": activation_id,
            "activation_code": code,
            "settings": dict(wanted.settings),
            "tls_ca": wanted.tls_ca,
        }
        words = ["install", "--url", wanted.url, "--name", destination.name, "--service", wanted.service]
        done = await _run(shell, chosen.path, place, facts, words, secrets, step)
    finally:
        await shell.run(f"rm -rf {shlex.quote(place.rpartition('/')[0])}")
    instance_id = str(done["instance_id"])
    step("waiting")
    await _wait(region, instance_id, bundle.version, wanted.online_seconds)
    return HostInstallation(
        host=str(destination),
        instance_id=instance_id,
        status=_status(str(done["before"]), bundle.version),
        agent_version=bundle.version,
        service=str(done["service"]),
        seconds=round(time.monotonic() - began, 2),
    )


async def _choose(shell: Shell, facts: Facts, wanted: Wanted, step: Step) -> Python:
    """Return the Python to take, brought along where the host has none; raises HostError."""
    try:
        return fitness.choose(facts, Target.here())
    except HostError as error:
        if error.code != failure.NO_PYTHON or wanted.runtime is None:
            raise
    step("shipping Python")
    await runtime.bring(shell, facts, wanted.runtime)
    facts = await probe(shell, prefix=wanted.prefix, state_dir=wanted.state_dir, python=wanted.python)
    return fitness.choose(facts, Target.here())


async def uninstall(
    shell: Shell, destination: Destination, wanted: Wanted, *, program: Bundle, step: Step
) -> HostInstallation:
    """Take the agent from a host, whole or half; raises HostError."""
    began = time.monotonic()
    step("looking")
    facts = await probe(shell, prefix=wanted.prefix, state_dir=wanted.state_dir, python=wanted.python)
    if not facts["installed"] and not facts.pythons:
        raise HostError(failure.NO_PYTHON, "it has neither an installation nor a Python to look for the rest of one")
    # Its own Python goes while it runs; any other will do.
    python = max(facts.pythons, key=lambda found: found.target.python).path
    place = await _ship(shell, program)
    try:
        words = ["uninstall", *(["--purge"] if wanted.purge else [])]
        done = await _run(shell, python, place, facts, words, {}, step)
    finally:
        await shell.run(f"rm -rf {shlex.quote(place.rpartition('/')[0])}")
    return HostInstallation(
        host=str(destination),
        instance_id=str(done["instance_id"]),
        status=InstallationStatus.REMOVED,
        seconds=round(time.monotonic() - began, 2),
    )


async def _ship(shell: Shell, bundle: Bundle) -> str:
    """Copy a file into a new folder of the host; return its path there. Raises HostError."""
    name = shlex.quote(bundle.path.name)
    command = f"""umask 077; folder=$(mktemp -d) || exit 1
cat > "$folder"/{name} && echo "$folder"/{name} || {{ rm -rf "$folder"; exit 1; }}"""
    data = await asyncio.to_thread(bundle.path.read_bytes)
    ended = await ship(shell, command, data, what="the file", failed="cannot be written there", seconds=SHIP_SECONDS)
    return ended.output.strip().rpartition("\n")[2]


async def _run(
    shell: Shell, python: str, place: str, facts: Facts, words: list[str], secrets: Mapping[str, Any], step: Step
) -> dict[str, Any]:
    """Run the shipped file; return what it says at its end. Raises HostError."""
    told: dict[str, Any] = {}

    def on_line(line: str) -> None:
        try:
            told.update(json.loads(line))
        except (ValueError, TypeError):  # a login may print what it likes
            return
        if "step" in told:
            step(str(told.pop("step")))

    own = ["--prefix", facts["prefix"], "--state-dir", facts["state"], "--secrets"]
    command = shlex.join([python, "-I", place, *words, *own])
    try:
        ended = await asyncio.wait_for(shell.run(command, json.dumps(secrets).encode(), on_line), HOST_SECONDS)
    except TimeoutError:
        raise HostError(failure.FAILED, f"it did not come to an end within {HOST_SECONDS:.0f} s") from None
    match told:
        case {"done": dict() as done}:
            return done
        case {"error": {"code": str() as code, "message": str() as message}}:
            raise HostError(code, message)
        case _:
            said = ended.last_words or f"it ended with exit code {ended.code}"
            code = failure.NO_SPACE if "No space left" in ended.errors else failure.FAILED
            raise HostError(code, f"the installer ended without a word of its own: {said}")


async def _wait(region: Region, instance_id: str, version: str, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not await region.is_online(instance_id, version):  # noqa: ASYNC110 - the server tells nobody of a new instance
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise HostError(
            failure.NOT_ONLINE,
            f"the agent is installed and enrolled as {instance_id}, and was not heard of within {seconds:.0f} s: "
            "see its log on the host, and whether it reaches the server",
        ) from None


def _status(before: str, version: str) -> InstallationStatus:
    if not before:
        return InstallationStatus.INSTALLED
    return InstallationStatus.RENEWED if before == version else InstallationStatus.UPGRADED
