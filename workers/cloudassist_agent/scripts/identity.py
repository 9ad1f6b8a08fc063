"""Whom a script runs as: the agent's own user, or another one that the order names.

Another user's script is started through ``setpriv``, which switches user, groups and capabilities and then is the
interpreter: Python's own way of switching costs two to seven milliseconds a start, and grows with the agent's memory.
"""

import os
import pwd
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from cloudassist.error_code import ErrorCode
from cloudassist_agent.scripts.script import ScriptError

_ROOT: Final = 0
_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
"""The only variables of the agent's own environment that a script gets: the rest may hold secrets."""
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_USERS: Final = 16
"""Users that are remembered for a second."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of this system. ``foreign`` tells that it is not the agent's own."""

    uid: int
    gid: int
    name: str
    home: str
    foreign: bool

    @classmethod
    def of(cls, username: str) -> Self:
        """Return the user of this name, or the agent's own where it is empty.

        Raises ScriptError: AccountNotExists; UserOrPasswordInvalid where the agent may not become that user.
        """
        own = os.geteuid()
        try:
            entry = _entry(username or own, int(time.monotonic()))
        except KeyError:
            if not username:
                return cls(own, os.getegid(), str(own), "/", foreign=False)
            raise ScriptError(ErrorCode.ACCOUNT_NOT_EXISTS, f"there is no user {username!r} on this instance") from None
        foreign = entry.pw_uid != own
        if foreign and own != _ROOT:
            raise ScriptError(
                ErrorCode.USER_OR_PASSWORD_INVALID,
                f"the agent runs as {pwd.getpwuid(own).pw_name!r} and cannot run scripts as {username!r}",
            )
        return cls(entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir, foreign)

    def environment(self) -> dict[str, str]:
        """Return the environment of this user's scripts."""
        return {
            "PATH": _PATH,
            **{name: value for name in _INHERITED if (value := os.environ.get(name)) is not None},
            "HOME": self.home,
            "USER": self.name,
            "LOGNAME": self.name,
            "SHELL": "/bin/sh",
        }

    def command(self, command: Sequence[str]) -> list[str]:
        """Return the command line that runs a command as this user; raises ScriptError (ExecutionException)."""
        if not self.foreign:
            return list(command)
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise ScriptError(
                ErrorCode.EXECUTION_EXCEPTION, "setpriv (of util-linux) is needed to run scripts as another user"
            )
        switch = [f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups", "--inh-caps=-all"]
        return [setpriv, *switch, "--", *command]

    def own(self, *paths: str | os.PathLike[str]) -> None:
        """Give files and folders to this user."""
        if self.foreign:
            for path in paths:
                os.chown(path, self.uid, self.gid)


@lru_cache(maxsize=_USERS)
def _entry(user: str | int, _second: int) -> pwd.struct_passwd:
    """Return what the system knows of a user, by name or id, as of a second ago at most; raises KeyError."""
    return pwd.getpwnam(user) if isinstance(user, str) else pwd.getpwuid(user)
