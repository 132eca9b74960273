"""Builds the few C and C++ programs of the benchmarks with the local compiler, each into the scratch folder."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
OPTIMISED = ["-O3", "-DNDEBUG", "-fvisibility=hidden"]


class BuildError(Exception):
    """The first line tells in short what failed, for the report; the rest is what the compiler said."""


def build_extension(source: Path, folder: Path) -> None:
    """A Python extension module named as its source file."""
    target = folder / (source.stem + sysconfig.get_config_var("EXT_SUFFIX"))
    command = [compiler(source), *OPTIMISED, "-shared", "-fPIC", f"-I{sysconfig.get_paths()['include']}"]
    if source.suffix == ".cpp":
        try:
            import pybind11
        except ImportError as error:
            raise BuildError(f"{source.name}: {error}") from error
        command += ["-std=c++17", f"-I{pybind11.get_include()}"]
    run([*command, str(source), "-o", str(target)])


def build_program(sources: list[Path], include: Path, packages: list[str], folder: Path) -> Path:
    """A C++20 program against installed pkg-config packages, named as its first source file."""
    if not shutil.which("pkg-config"):
        raise BuildError("no pkg-config on the path")
    flags = run(["pkg-config", "--cflags", "--libs", *packages]).split()
    target = folder / sources[0].stem
    run([compiler(sources[0]), *OPTIMISED, "-std=c++20", f"-I{include}", *map(str, sources), "-o", str(target), *flags])
    return target


def compiler(source: Path) -> str:
    variable, default = ("CC", "cc") if source.suffix == ".c" else ("CXX", "c++")
    found = shutil.which(os.environ.get(variable, default))
    if not found:
        raise BuildError(f"no {default} on the path to build {source.name} with")
    return found


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{Path(command[0]).name} failed\n{' '.join(command)}\n{done.stderr[-2000:]}")
    return done.stdout
