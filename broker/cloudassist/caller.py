"""Who makes calls, where nothing else is said."""

import getpass
import os
import socket

from cloudassist import limits


def user_and_host() -> str:
    """Return the user of this process and its host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"[: limits.CALLER_CHARACTERS]
