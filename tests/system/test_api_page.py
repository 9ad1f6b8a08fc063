"""docs/api.md leaves nothing out; its examples run in test_pages.py."""

import re
from pathlib import Path

from cloudassist import Assistant
from cloudassist.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
ENROLMENT = (Path(__file__).parents[2] / "docs" / "enrolment.md").read_text(encoding="utf-8")
"""Its session is run by test_enrolment."""
CODE = "".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)) + ENROLMENT


def test_every_operation_has_an_example():
    operations = [name for name in vars(Assistant) if not name.startswith("_") and name != "close"]
    assert [name for name in operations if f".{name}(" not in CODE] == []


def test_every_limit_of_the_table_is_a_setting():
    names = re.findall(r"`([A-Z_]+)`", PAGE.partition("## Limits")[2])
    full = {name if not name.startswith("_") else f"TIMEOUT{name}SECONDS" for name in names}
    assert {name.lower() for name in full} <= {field.lower() for field in Settings.__dataclass_fields__}
    assert len(full) > 20
