"""Accounts, credentials, processes and jobs with the functions of Windows, as wine has them (`make test-windows`).

The modules themselves run, in a Python inside wine. Two things wine cannot show: its LogonUserW takes any password and
gives no token, so that one of this process stands in for it; and all its users are the one who runs it.
"""

import ast
from pathlib import Path

import pytest

CHECKS = Path(__file__).parent / "inside" / "checks.py"
NAMES = [
    found.name
    for found in ast.parse(CHECKS.read_text()).body
    if isinstance(found, ast.FunctionDef) and not found.name.startswith("_")
]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", NAMES)
def test_inside_wine(wine_check, name):
    output, code = wine_check(name)
    assert (code, output.decode().splitlines()[-1:]) == (0, ["passed"]), output.decode()
