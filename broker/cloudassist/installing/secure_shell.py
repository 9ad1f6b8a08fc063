"""A login on a host: its key is checked, commands run there, as whoever logs in or through sudo as root."""

import asyncio
import contextlib
import shlex
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncssh

from cloudassist.errors import ConfigurationError
from cloudassist.installing import failure
from cloudassist.installing.destination import PORT, Destination
from cloudassist.installing.failure import HostError
from cloudassist.installing.login import Login

CONNECT_SECONDS: Final = 15.0
"""Seconds in which a host must answer, and let in whoever logs in."""
KEEPALIVE_SECONDS: Final = 15.0
"""Seconds of silence after which a host is asked whether it is there; after three of them it is not."""
KNOWN_HOSTS: Final = (Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts"))
PATH: Final = "$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What is looked for programs: a login that is no terminal may have less."""
_SUDO: Final = "sudo -n --"
_TOLD_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command has ended."""

    code: int
    output: str
    errors: str

    @property
    def last_words(self) -> str:
        """Return the last line that it wrote."""
        lines = (self.errors.strip() or self.output.strip()).splitlines()
        return lines[-1][:_TOLD_CHARACTERS] if lines else ""


class Shell:
    """A connection to a host that is open."""

    def __init__(self, connection: asyncssh.SSHClientConnection, *, sudo: bool) -> None:
        self._connection = connection
        self.sudo = sudo

    async def run(
        self, command: str, given: bytes = b"", on_line: Callable[[str], None] | None = None, *, as_root: bool = True
    ) -> Ended:
        """Run a command of the host's shell; ``given`` is its standard input. Raises HostError."""
        command = "; ".join(command.splitlines())  # csh takes no line break in quotes
        line = f"PATH={PATH} exec sh -c {shlex.quote(command)}"
        if self.sudo and as_root:
            line = f"PATH={PATH} exec {_SUDO} sh -c {shlex.quote(command)}"
        # Whatever shell the login has: only what both families of shells understand stands outside of the quotes.
        wrapped = f"exec sh -c {shlex.quote(line)}"
        try:
            async with self._connection.create_process(wrapped, encoding=None) as process:
                _, output, errors = await asyncio.gather(
                    _feed(process, given), _read(process.stdout, on_line), _read(process.stderr, None)
                )
                await process.wait()
        except (asyncssh.Error, OSError) as error:
            raise HostError(failure.CONNECTION_LOST, f"the connection was lost: {error}") from None
        if process.returncode is None:
            raise HostError(failure.CONNECTION_LOST, "the connection was lost before the command had ended")
        return Ended(process.returncode, output, errors)


def known_hosts(login: Login) -> asyncssh.SSHKnownHosts:
    """Return the host keys that are known; raises ConfigurationError."""
    usual = [path.expanduser() for path in KNOWN_HOSTS]
    files = [path for path in usual if path.is_file()] if login.known_hosts is None else [login.known_hosts]
    try:
        return asyncssh.read_known_hosts([str(file) for file in files])
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the known hosts cannot be read: {error}") from None


@contextlib.asynccontextmanager
async def open_shell(destination: Destination, login: Login, known: asyncssh.SSHKnownHosts) -> AsyncIterator[Shell]:
    """Log in on a host; raises HostError."""
    keys = _Keys(known, login.host_keys)
    options: dict[str, Any] = {} if login.key is None else {"client_keys": [str(login.key)], "agent_path": None}
    if user := destination.user or login.user:
        options["username"] = user
    if destination.port != PORT:
        options["port"] = destination.port
    try:
        connection = await asyncssh.connect(
            destination.host,
            known_hosts=known,
            client_factory=lambda: keys,
            connect_timeout=CONNECT_SECONDS,
            login_timeout=CONNECT_SECONDS,
            keepalive_interval=KEEPALIVE_SECONDS,
            **options,
        )
    except (asyncssh.Error, OSError, ValueError) as error:
        raise _reason(error, destination, keys, user) from None
    async with connection:
        yield Shell(connection, sudo=login.sudo)


class _Keys(asyncssh.SSHClient):
    """Remembers the key of a host that is not known, and believes one whose fingerprint was given."""

    def __init__(self, known: asyncssh.SSHKnownHosts, accepted: Sequence[str]) -> None:
        self._known = known
        self._accepted = accepted
        self.offered = ""
        self.is_changed = False

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Tell whether the caller has named the key."""
        self.offered = key.get_fingerprint("sha256")
        trusted, *_ = self._known.match(host, addr, None if port == PORT else port)
        self.is_changed = bool(trusted)
        return self.offered in self._accepted


def _reason(error: Exception, destination: Destination, keys: _Keys, user: str) -> HostError:
    """Return what a login that failed means to whoever asked for it."""
    if isinstance(error, asyncssh.HostKeyNotVerifiable) and keys.offered:
        return _of_key(destination, keys)
    match error:
        case asyncssh.HostKeyNotVerifiable() | asyncssh.KeyExchangeFailed():
            code, told = failure.HOST_KEY_CHANGED, f"the host's key is not believed: {error.reason}"
        case asyncssh.PermissionDenied():
            code, told = failure.LOGIN_REFUSED, f"{user or 'your own user'} is not let in: {error.reason}"
        case asyncssh.KeyImportError() | FileNotFoundError() | PermissionError():
            code, told = failure.LOGIN_REFUSED, f"the key cannot be used: {error}"
        case socket.gaierror():
            code, told = failure.HOST_NOT_FOUND, f"{destination.host} cannot be found: {error.strerror}"
        case TimeoutError():
            code, told = failure.UNREACHABLE, f"it did not answer within {CONNECT_SECONDS:.0f} s"
        case asyncssh.ConnectionLost():
            code, told = failure.UNREACHABLE, f"it closed the connection before the login: {error.reason}"
        case OSError():
            code, told = failure.UNREACHABLE, f"it cannot be reached: {error.strerror or error}"
        case _:
            code, told = failure.UNREACHABLE, f"no SSH connection: {error}"
    return HostError(code, told)


def _of_key(destination: Destination, keys: _Keys) -> HostError:
    host = destination.host if destination.port == PORT else f"[{destination.host}]:{destination.port}"
    if keys.is_changed:
        return HostError(
            failure.HOST_KEY_CHANGED,
            f"its host key is {keys.offered}, and another one is known: somebody may stand in between. Where the host "
            f"was made anew, forget the old key: ssh-keygen -R '{host}'",
        )
    return HostError(
        failure.HOST_KEY_UNKNOWN,
        f"its host key {keys.offered} is not known. Compare it on the host (ssh-keygen -lf "
        f"/etc/ssh/ssh_host_ed25519_key.pub) and then accept it: --host-key {keys.offered}, or add it to known_hosts",
    )


async def _feed(process: "asyncssh.SSHClientProcess[bytes]", given: bytes) -> None:
    # A command that ends early does not read all: that shows in its exit code.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(given)
        await process.stdin.drain()
        process.stdin.write_eof()


async def _read(stream: "asyncssh.SSHReader[bytes]", on_line: Callable[[str], None] | None) -> str:
    lines = []
    async for data in stream:
        lines.append(data.decode(errors="replace"))
        if on_line is not None:
            on_line(lines[-1])
    return "".join(lines)
