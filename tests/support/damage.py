"""Messages that are damaged on their way."""

import json
import random

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
PLACES = 4
"""Places that are changed in one message."""


def damaged(message: bytes, choices: random.Random) -> bytes:
    """Return a message that is damaged in one of several ways."""
    return choices.choice([_flipped, _truncated, _forged])(message, choices)


def _flipped(message: bytes, choices: random.Random) -> bytes:
    """Flip bits, wherever they are."""
    data = bytearray(message)
    for _ in range(PLACES):
        data[choices.randrange(len(data))] ^= 1 << choices.randrange(8)
    return bytes(data)


def _truncated(message: bytes, choices: random.Random) -> bytes:
    """Leave the end away."""
    return message[: choices.randrange(len(message))]


def _forged(message: bytes, choices: random.Random) -> bytes:
    """Change what is signed, in a message that is in good order otherwise."""
    content = json.loads(message)
    body = list(content["body"])
    places = [place for place, letter in enumerate(body) if letter in LETTERS]
    for place in choices.sample(places, min(PLACES, len(places))):
        body[place] = choices.choice(LETTERS.replace(body[place], ""))
    return json.dumps(content | {"body": "".join(body)}).encode()
