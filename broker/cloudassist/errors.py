"""What can go wrong, as one tree.

::

    CloudAssistError                 everything below; has .code, .message, .status
    ├── InvalidParameterError        an argument is wrong                       400
    │   ├── LimitExceededError       … because it is too much of something     403
    │   ├── NotFoundError            … because nothing has that id             404
    │   └── NotSupportedError        … because it is not built                 400
    ├── ConflictError                the request collides with another one     403
    ├── ConfigurationError           this installation is not set up           500
    ├── ServiceUnavailableError      the server cannot be reached              503
    │   └── ThrottlingError          … or takes no more at present; retry_after 429
    └── WaitTimeoutError             wait() ran out of time; a TimeoutError    408

    MessageError                     a message that is not what it should be; never reaches a caller

Codes are those of the API reference (a.18); ``status`` is the HTTP status that goes with the code.
"""

from typing import ClassVar, Final

RETRY_AFTER_SECONDS: Final = 5.0
"""Seconds after which a request that was refused for overload is worth trying again (design)."""


class CloudAssistError(Exception):
    """The base of everything that the operations raise.

    ``code`` names the cause for programs, ``message`` tells a person what was wrong, what the limit is and what was
    given; ``status`` is the HTTP status of the code.
    """

    default_status: ClassVar[int] = 500

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = self.default_status if status is None else status

    def __str__(self) -> str:
        """Return the code and the message, as the command line prints them."""
        return f"{self.code}: {self.message}"


class InvalidParameterError(CloudAssistError):
    """An argument is wrong; the message names the field, the rule and the value."""

    default_status = 400


class LimitExceededError(InvalidParameterError):
    """An argument, or the sum of what exists, is above a limit."""

    default_status = 403


class NotFoundError(InvalidParameterError):
    """Nothing has the id that was given."""

    default_status = 404


class NotSupportedError(InvalidParameterError):
    """The API knows this argument, this installation does not (docs/decisions.md lists them)."""


class ConflictError(CloudAssistError):
    """The request collides with an earlier or a running one."""

    default_status = 403


class ConfigurationError(CloudAssistError):
    """A setting or a key is missing or cannot be used."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidConfiguration", message)


class ServiceUnavailableError(CloudAssistError):
    """The server cannot be reached or does not answer; nothing is known of the request's effect."""

    default_status = 503
    default_code: ClassVar[str] = "ServiceUnavailable"

    def __init__(self, message: str) -> None:
        super().__init__(self.default_code, message)


class ThrottlingError(ServiceUnavailableError):
    """The region has as much work as it may have, or its server no memory left; the request is not carried out.

    ``retry_after`` is after how many seconds it is worth trying again.
    """

    default_status = 429
    default_code = "Throttling"

    def __init__(self, message: str, retry_after: float = RETRY_AFTER_SECONDS) -> None:
        super().__init__(f"{message}; try again in {retry_after:.0f} s")
        self.retry_after = retry_after


class WaitTimeoutError(CloudAssistError, TimeoutError):
    """The invocation had not ended when the time given to ``wait`` was over."""

    default_status = 408

    def __init__(self, message: str) -> None:
        super().__init__("WaitTimeout", message)


class MessageError(Exception):
    """A message is not what it should be. ``reason`` is a short word to count by; the text has the detail."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
