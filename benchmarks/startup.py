"""How long until a producer, or the command line, can begin? Beside an interpreter that does nothing."""

import os
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.measure import Figure, median, times

QUESTION = "startup"
HEAVY = ("redis", "celery", "kombu", "pydantic")


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    count = 5 if quick else 21
    bare = _time([sys.executable, "-c", "pass"], count)
    plain = _time([sys.executable, "-m", "celery", "--help"], count)
    package = _time([sys.executable, "-c", "import cloudassist"], count)
    producer = _time([sys.executable, "-c", "from cloudassist import Assistant"], count)
    assist = _time([sys.executable, "-m", "celery", "-A", "cloudassist", "assist", "--help"], count)
    lean = _time([sys.executable, "-m", "cloudassist_agent", "run", "--help"], count)
    interpreter = "an interpreter"
    return [
        Figure(QUESTION, "python -c pass", bare, "ms"),
        Figure(
            QUESTION, "import cloudassist, above that", package - bare, "ms", package / bare, interpreter, "≤ 30 ms"
        ),
        Figure(QUESTION, "… heavy packages that it loads", len(_loaded()), "", goal="0"),
        Figure(
            QUESTION,
            "from cloudassist import Assistant, above that",
            producer - bare,
            "ms",
            producer / bare,
            interpreter,
        ),
        Figure(QUESTION, "celery --help", plain, "ms", plain / bare, interpreter),
        Figure(
            QUESTION, "celery -A cloudassist assist --help", assist, "ms", assist / plain, "celery --help", "≤ 600 ms"
        ),
        Figure(QUESTION, "cloudassist-agent run --help", lean, "ms", lean / bare, interpreter),
    ]


def _time(command: Sequence[str], count: int) -> float:
    """Return how long a command line takes (ms)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLOUDASSIST_")}

    def call() -> None:
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

    call()
    return median(times(call, count))


def _loaded() -> list[str]:
    """Return which heavy packages ``import cloudassist`` loads."""
    code = f"import cloudassist, sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
