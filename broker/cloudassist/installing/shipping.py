"""Something of ours brought to a host: as what a command there reads."""

import asyncio

from cloudassist.installing import failure
from cloudassist.installing.failure import HostError
from cloudassist.installing.secure_shell import Ended, Shell


async def ship(shell: Shell, command: str, data: bytes, *, what: str, failed: str, seconds: float) -> Ended:
    """Give data to a command of the host; raises HostError where it takes too long, or the command says no.

    ``what`` and ``failed`` are the words for it: "the file", "cannot be written there".
    """
    try:
        ended = await asyncio.wait_for(shell.run(command, data), seconds)
    except TimeoutError:
        raise HostError(failure.CONNECTION_LOST, f"{what} was not shipped within {seconds:.0f} s") from None
    if ended.code != 0:
        code = failure.NO_SPACE if "No space left" in ended.errors else failure.FAILED
        raise HostError(code, f"{what} {failed}: {ended.last_words}")
    return ended
