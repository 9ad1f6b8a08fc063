"""Acts on disks: one on which scripts are put is full for a while."""

from support.cast import Cast
from support.disks import fill
from support.mischief import Act, Pace

TIMES = 2
"""Times that it is done in a round."""


class Filling:
    """What a worker does to the small disk of a cast; nothing where there is none."""

    def __init__(self, cast: Cast, pace: Pace) -> None:
        self._disk = cast.disk
        self._pace = pace

    def acts(self) -> list[Act]:
        """Return all of them."""
        return [] if self._disk is None else [Act("fill", self._fill)] * TIMES

    def _fill(self) -> None:
        assert self._disk is not None
        filler = fill(self._disk)
        self._pace.pause(0.5, 1.5)
        filler.unlink()
