"""How a script or an output is written in a request or an answer (API a.0, ContentEncoding)."""

import base64
import binascii
from enum import StrEnum


class ContentEncoding(StrEnum):
    """The ways."""

    PLAIN_TEXT = "PlainText"
    """As it is; what is not valid UTF-8 is replaced."""
    BASE64 = "Base64"
    """Its very bytes."""

    def write(self, data: bytes) -> str:
        """Return bytes as this encoding writes them."""
        return base64.b64encode(data).decode() if self is ContentEncoding.BASE64 else data.decode(errors="replace")

    def read(self, text: str) -> str:
        """Return the text that was written; raises ValueError where it is none."""
        if self is ContentEncoding.PLAIN_TEXT:
            return text
        try:
            return base64.b64decode(text, validate=True).decode()
        except binascii.Error as error:
            raise ValueError(f"not valid Base64: {error}") from None
        except UnicodeDecodeError:
            raise ValueError("not UTF-8 after Base64") from None


def base64_bytes(data: bytes) -> int:
    """Return the bytes of something's Base64: the unit in which the limits of content are given."""
    return 4 * ((len(data) + 2) // 3)
