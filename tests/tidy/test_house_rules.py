"""The rules of the house that no compiler checks, each as a test over the files of the tree.

They read what git knows (what stands in a folder besides is nobody's business), so outside a checkout they are skipped.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = (
    "base",
    "term",
    "column",
    "table",
    "match",
    "file",
    "erlang",
    "buffer",
    "bindings",
)  # each may use those before it
ENGINE = LAYERS[:-1]
CPP = (".h", ".cc", ".c", ".cpp")
LINE_LENGTH_MAX = 120
FILE_LINES_MAX = 900

pytestmark = pytest.mark.skipif(
    not (shutil.which("git") and (ROOT / ".git").exists()), reason="an unpacked archive: no list of files to go by"
)


def files(*suffixes: str, under: str = "") -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (Path(name) for name in sorted(set(listed.stdout.split("\0"))) if name)
    return [
        path
        for path in paths
        if path.suffix in (suffixes or (path.suffix,)) and path.is_relative_to(under) and (ROOT / path).is_file()
    ]


def text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def lines(*suffixes: str, under: str = ""):
    for path in files(*suffixes, under=under):
        for number, line in enumerate(text(path).splitlines(), 1):
            yield f"{path}:{number}", line


def code(line: str) -> str:
    """A line of C++ without its comment and without what stands in quotes."""
    return re.sub(r'"(\\.|[^"\\])*"', '""', line).split("//")[0]


def layer(path: Path) -> str:
    return path.parts[1] if path.parts[0] == "cpp" and len(path.parts) > 2 else ""


def test_lines_fit_the_width():
    assert not [where for where, line in lines(*CPP, ".py", ".pyi") if len(line) > LINE_LENGTH_MAX]


def test_files_stay_small():
    assert not [f"{path}" for path in files(*CPP, ".py", ".erl") if len(text(path).splitlines()) > FILE_LINES_MAX]


def test_files_end_with_a_newline_and_lines_without_blanks():
    kinds = (*CPP, ".py", ".md", ".toml", ".cmake", ".erl")
    assert not [f"{path}" for path in files(*kinds) if text(path) and not text(path).endswith("\n")]
    assert not [where for where, line in lines(*kinds) if line != line.rstrip()]


def test_nothing_is_left_for_later():
    words = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
    assert not [where for where, line in lines(*CPP, ".py", ".pyi", ".erl", ".cmake") if words.search(line)]


def test_no_path_of_one_machine():
    machine = re.compile(r"(^|[\s\"'`(=])/(" + "|".join(("work", "root", "home", "Users", "opt", "tmp")) + r")/\w")
    found = []
    for path in files():
        try:
            found += [f"{path}:{n}" for n, line in enumerate(text(path).splitlines(), 1) if machine.search(line)]
        except UnicodeDecodeError:
            continue
    assert not found


def test_a_layer_uses_only_those_below():
    wrong = []
    for path in files(".h", ".cc", under="cpp"):
        if layer(path) not in LAYERS or path.stem.endswith(("_test", "_stress")):
            continue
        allowed = LAYERS[: LAYERS.index(layer(path)) + 1]
        for used in re.findall(r'^#include "([a-z_]+)/[a-z_0-9]+\.h"', text(path), re.MULTILINE):
            if used != "absl" and used not in allowed:
                wrong.append(f"{path} includes {used}")
    assert not wrong


def test_every_source_lies_in_a_layer():
    known = {*LAYERS, "testing"}  # CMake looks there, and no deeper
    sources = files(".h", ".cc", under="cpp")
    assert not [f"{path}" for path in sources if len(path.parts) != 3 or layer(path) not in known]


@pytest.mark.parametrize("name", ENGINE)
def test_the_engine_knows_no_python(name):
    python = re.compile(r"#include [<\"](Python\.h|pybind11)|\bPy[A-Z_]\w*\(|\bPyObject\b")
    assert not [where for where, line in lines(".h", ".cc", under=f"cpp/{name}") if python.search(code(line) or line)]


BANNED = {
    r"absl::(Mutex|CondVar|Notification)\b": "a fork cannot reset it: WordLock",
    r"absl::Hash\b|absl/hash/": "differs from run to run: HashValue",
    r"std::(mutex|shared_mutex|recursive_mutex|condition_variable|lock_guard|unique_lock)\b": "WordLock",
    r"\b(printf|fprintf|puts|perror)\(|std::c(out|err)\b": "the engine returns what went wrong",
    r"\b(sleep|usleep|nanosleep)\(|sleep_(for|until)\b": "wait for what is awaited",
    r"\b(rand|srand|time)\(": "seeds are given",
    r"\b(strcpy|strcat|sprintf|gets|alloca)\(": "no bound",
    r"\bexit\(|\babort\(\)": "the process is the user's",
}


@pytest.mark.parametrize("banned", BANNED, ids=lambda pattern: re.sub(r"\W+", " ", pattern).strip()[:30])
@pytest.mark.parametrize("name", ENGINE)
def test_calls_the_engine_never_makes(name, banned):
    pattern = re.compile(banned)
    found = [
        where
        for where, line in lines(".h", ".cc", under=f"cpp/{name}")
        if pattern.search(code(line)) and not Path(where.split(":")[0]).stem.endswith(("_test", "_stress"))
    ]
    assert not found, BANNED[banned]


def test_no_test_sleeps():
    sleeps = re.compile(r"\b(time|asyncio)\.sleep\(|\bfrom time import .*sleep|sleep_for|\busleep\(")
    own = Path(__file__).resolve().relative_to(ROOT)
    assert not [where for where, line in lines(*CPP, ".py") if sleeps.search(line) and is_test(where, own)]


def is_test(where: str, own: Path) -> bool:
    path = Path(where.split(":")[0])
    return path != own and (path.parts[0] == "tests" or path.stem.endswith(("_test", "_stress")))


def test_include_guards_match_the_path():
    wrong = []
    for path in files(".h", under="cpp"):
        guard = "PARTITA_" + re.sub(r"\W", "_", str(path.relative_to("cpp"))).upper() + "_"
        body = text(path)
        opened = re.search(rf"^#ifndef {guard}\n#define {guard}\n", body, re.MULTILINE)
        if not opened or not body.endswith(f"#endif  // {guard}\n"):
            wrong.append(str(path))
    assert not wrong


def test_every_test_is_run():
    """pytest collects tests/**/test_*.py, CMake takes cpp/*/*_test.cc and *_stress.cc; others would never run."""
    python = re.compile(r"^(async )?def test_|^class Test", re.MULTILINE)
    cpp = re.compile(r"^(TEST|TEST_F|TEST_P|TYPED_TEST)\(|^int main\(", re.MULTILINE)
    programs = [path for path in files(".cc") if path.stem.endswith(("_test", "_stress"))]
    assert not [f"{path}" for path in programs if path.parts[0] != "cpp"]
    assert not [f"{path}" for path in files(".cc", under="cpp") if cpp.search(text(path)) and path not in programs]
    assert not [
        f"{path}"
        for path in files(".py")
        if path.parts[0] != "python"  # ETS has a function test_ms
        and python.search(text(path))
        and not (path.parts[0] == "tests" and path.name.startswith("test_"))
    ]
