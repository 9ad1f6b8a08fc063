"""What the repository promises of itself."""

import ast
import re
import subprocess
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
ROLES = {"broker": "cloudassist", "workers": "cloudassist_agent", "scheduler": "cloudassist_beat"}
LINES_OF_CODE = 300
LINES_OF_TEST = 400
LINES_OF_FUNCTION = 45


def tracked(*patterns):
    names = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.splitlines() if (ROOT / name).exists()]


def test_a_role_folder_holds_one_package_and_nothing_else():
    for folder, package in ROLES.items():
        assert {path.relative_to(ROOT / folder).parts[0] for path in tracked(folder)} <= {package, "README.md"}


def test_files_and_functions_stay_small():
    for path in tracked("*.py"):
        text = path.read_text(encoding="utf-8")
        limit = LINES_OF_TEST if path.is_relative_to(ROOT / "tests") else LINES_OF_CODE
        assert text.count("\n") <= limit, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and limit == LINES_OF_CODE:
                # An operation takes what the API takes, and says so: that is not what makes a function long.
                body = node.body[1:] if ast.get_docstring(node) else node.body
                assert not body or node.end_lineno - body[0].lineno < LINES_OF_FUNCTION, f"{path}: {node.name}"


def test_the_lock_has_hashes_and_no_addresses():
    text = (ROOT / "requirements.lock").read_text()
    assert "http" not in text
    pins = re.findall(r"^[a-z0-9-]+==\S+", text, re.MULTILINE)
    assert len(pins) > 40
    for block in re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block


def test_no_path_of_one_machine():
    for path in tracked():
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".lua", ""} and path.is_file():
            assert str(ROOT) + "/" not in path.read_text(encoding="utf-8", errors="replace"), path


def test_the_page_of_the_architecture_leaves_no_module_out():
    page = (ROOT / "docs" / "architecture.md").read_text()
    for folder, package in ROLES.items():
        names = {path.relative_to(ROOT / folder / package).parts[0] for path in tracked(f"{folder}/{package}/**.py")}
        modules = {name.removesuffix(".py") for name in names} - {"__init__", "__main__", "version"}
        assert {name for name in modules if not re.search(rf"`{name}/?`", page)} == set()


def test_on_that_page_what_stands_lower_imports_nothing_that_stands_higher():
    _, *texts = (ROOT / "docs" / "architecture.md").read_text().split("| layer | modules |")
    for package, text in zip(("cloudassist", "cloudassist_agent"), texts, strict=True):
        rows = re.findall(r"^\| .+? \| (.+) \|$", text.partition("\n\n")[0], re.MULTILINE)
        level = {name: place for place, row in enumerate(rows) for name in re.findall(r"`(\w+)/?`", row)}
        graph = grimp.build_graph(package, cache_dir=None)
        pairs = {
            (importer.split(".")[1], imported.split(".")[1])
            for importer in graph.modules - {package}
            for imported in graph.find_modules_directly_imported_by(importer) - {package}
        }
        assert [pair for pair in pairs if level.get(pair[0], -1) > level.get(pair[1], len(rows))] == []
