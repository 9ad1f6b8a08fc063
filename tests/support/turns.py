"""An agent whose Celery has no event loop, as on Windows: ``python turns.py``. The product knows nothing of it."""

import sys

from cloudassist_agent.__main__ import main
from cloudassist_agent.scripts import system

system.EVENT_LOOP = False

if __name__ == "__main__":
    main(["run", *sys.argv[1:]])
