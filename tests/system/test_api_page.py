"""docs/api.md leaves nothing out; its examples run in test_pages.py."""

import re
from pathlib import Path

from cloudassist import Assistant, AsyncAssistant
from cloudassist.error_code import ErrorCode
from cloudassist.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
ENROLMENT = (Path(__file__).parents[2] / "docs" / "enrolment.md").read_text(encoding="utf-8")
"""Its session is run by test_enrolment."""
CODE = "".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)) + ENROLMENT


def test_every_operation_has_an_example():
    operations = [name for name in vars(Assistant) if not name.startswith("_") and name != "close"]
    assert [name for name in operations if f".{name}(" not in CODE] == []


def test_both_faces_have_the_same_operations():
    names = [{name for name in vars(face) if not name.startswith("_")} for face in (Assistant, AsyncAssistant)]
    assert names[0] == names[1]


def test_every_limit_of_the_table_is_a_setting():
    names = re.findall(r"`([A-Z_]+)`", PAGE.partition("## Limits")[2])
    full = {name if not name.startswith("_") else f"TIMEOUT{name}SECONDS" for name in names}
    assert {name.lower() for name in full} <= {field.lower() for field in Settings.__dataclass_fields__}
    assert len(full) > 20


def test_every_error_code_of_a_record_is_explained():
    table = PAGE.partition("| `error_code` | the record failed because |")[2].partition("\n\n")[0]
    assert [code.value for code in ErrorCode if f"`{code.value}`" not in table] == []
