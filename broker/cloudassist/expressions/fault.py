"""What is wrong with an expression, and where."""


class Fault(ValueError):  # noqa: N818 - what is wrong with a text; the error that callers see is made of it
    """A mistake: ``position`` counts characters from 0, ``reason`` is a sentence without a full stop."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason
