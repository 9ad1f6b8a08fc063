"""The failure matrix: the rows of its table, and the tests that say which of them they prove."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
TABLE = TESTS.parent / "docs" / "reliability.md"
ROW = re.compile(r"^\| ([IF]\d+) \|")
TEST = re.compile(r"`([\w/]+\.py::\w+)`")


@dataclass(frozen=True)
class Row:
    """One row of the table: its name, what the design makes of it, and the tests that it names."""

    name: str
    outcome: str
    tests: tuple[str, ...]

    @property
    def excused(self) -> bool:
        return "excused" in self.outcome


def table() -> list[Row]:
    """Return the rows of the table."""
    lines = filter(ROW.match, TABLE.read_text(encoding="utf-8").splitlines())
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [Row(name.strip(), outcome, tuple(TEST.findall(tests))) for name, _, outcome, tests in cells]


def marked() -> dict[str, set[str]]:
    """Return the rows of each test, as its markers and those of its file say."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in TESTS.rglob("test_*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        of_file = {row for node in tree.body if _is_pytestmark(node) for row in _rows(node)}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                of_test = {row for decorator in node.decorator_list for row in _rows(decorator)}
                found[f"{file.relative_to(TESTS)}::{node.name}"] |= of_file | of_test
    return found


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"


def _rows(node: ast.AST) -> Iterator[str]:
    """Return the rows that markers below a node name."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.matrix":
            yield from (ast.literal_eval(argument) for argument in call.args)
