import re
from pathlib import Path

import pytest

from cloudassist import operating_system
from cloudassist.operating_system import is_supported

PAGE = Path(__file__).parents[2] / "docs" / "agent.md"


@pytest.mark.parametrize(
    ("os_id", "release", "supported"),
    [
        ("debian", "7", False),
        ("debian", "8", True),
        ("debian", "12", True),
        ("debian", "12.5", True),
        ("debian", "14", True),
        ("centos", "6", False),
        ("centos", "7", True),
        ("centos", "8", True),
        ("rhel", "5.11", False),
        ("rhel", "6.10", False),
        ("rhel", "7.9", True),
        ("rhel", "10.0", True),
        ("sles", "11.4", False),
        ("sles", "12.5", True),
        ("sles", "15.6", True),
        ("ubuntu", "12.04", False),
        ("ubuntu", "14.04", True),
        ("ubuntu", "18.04", True),
        ("ubuntu", "26.04", True),
        ("opensuse-tumbleweed", "20261101", True),
        ("opensuse-leap", "15.6", True),
        ("alinux", "2.1903", True),
        ("alinux", "3", True),
        ("coreos", "2512.3.0", True),
        ("windows", "2012", False),
        ("windows", "2012.2", True),
        ("windows", "2019", True),
        ("plan9", "4", False),
        ("", "", False),
    ],
)
def test_the_systems_of_the_overview_where_python_can_be_had(os_id, release, supported):
    assert is_supported(os_id, release) is supported


def test_the_page_names_every_family_with_its_oldest_version():
    text = PAGE.read_text(encoding="utf-8").partition("## Operating systems")[2].partition("\n## ")[0]
    rows = [
        tuple(cell.strip() for cell in line.split("|")[1:4]) for line in re.findall(r"^\|.*\|$", text, re.MULTILINE)
    ]
    shown = {family: oldest for family, oldest, _ in rows[2:]}
    expected = {}
    for family in operating_system.families():
        runs = [since for since, whose in family.python if whose != operating_system.NO_PYTHON]
        expected[family.family] = "any" if runs[0] == "0" else runs[0].replace("2012.2", "2012 R2")
    assert shown == expected
