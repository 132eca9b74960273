"""Every Python example of README.md and docs/ runs, and every command they name exists.

The ```python blocks of a page are run in order, in one namespace and an empty folder. A block with `>>>` is a doctest:
what it shows must be what comes out. Any other block is executed. ```python no-run marks a sketch.
"""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import partita

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = ["partita", *(found.name for found in pkgutil.walk_packages(partita.__path__, "partita."))]
BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def blocks(page: Path, language: str):
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        if match["info"].strip() == language:
            yield text[: match.start("body")].count("\n"), match["body"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    try:
        for line, body in blocks(page, "python"):
            where = f"{page.name}, line {line + 1}"
            if ">>>" in body:
                run_doctest(body, names, page, line)
            else:
                exec(compile("\n" * line + body, where, "exec"), names)
    finally:
        names.clear()
        for table in partita.tables():
            table.drop()


def run_doctest(body: str, names: dict, page: Path, line: int) -> None:
    test = doctest.DocTestParser().get_doctest(body, names, page.name, str(page), line)
    test.globs = names  # later blocks see the names of this one
    report: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append, clear_globs=False)
    assert not report, "".join(report)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_named_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)\b(?=[^\n]*`)", page.read_text(encoding="utf-8")))
    for _, body in (*blocks(page, "sh"), *blocks(page, "console"), *blocks(page, "bash")):
        named |= set(re.findall(r"\bmake ([a-z-]+)", body))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_named_exist(page):
    tests = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    found = {name for text in tests for name in re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE)}
    named = set(re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8")))
    assert named - {"test_ms"} <= found  # which is a function of ETS


def promises(page: Path):
    """Rows of those tables of a page whose last column is `shown by`: the first cell and the last one."""
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[-1] == "shown by":
            inside = True
        elif inside and set(line) - set("|- "):
            yield cells[0], cells[-1]


@pytest.mark.parametrize(("page", "rows"), [("buffers.md", 26), ("persistence.md", 12)])
def test_every_promise_names_a_test(page, rows):
    """What a page promises to those who come from elsewhere."""
    found = list(promises(ROOT / "docs" / page))
    assert len(found) >= rows
    assert not [what for what, shown_by in found if not re.fullmatch(r"`test_\w+`(, `test_\w+`)*", shown_by)]
