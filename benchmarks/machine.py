"""What a reader must know about the machine and the code to make sense of a figure."""

import os
import platform
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent


def describe() -> dict[str, str]:
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "CPU": first_value("/proc/cpuinfo", "model name"),
        "cores": f"{len(os.sched_getaffinity(0))} usable of {os.cpu_count()}",
        "caches": caches(),
        "frequency governor": text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
        or "not visible (virtual machine)",
        "memory": f"{int(first_value('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.1f} GiB",
        "transparent huge pages": text("/sys/kernel/mm/transparent_hugepage/enabled") or "unknown",
        "kernel": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()),
        "Python": f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})",
        "compiler": compiler(),
        "load before the run": " ".join(f"{value:.2f}" for value in os.getloadavg()),
    }


def commit() -> str:
    """The commit measured, and whether the tree differed from it (written results do not count)."""
    git = ["git", "-C", str(HERE.parent)]
    try:
        name = subprocess.run(
            [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "--", "cpp", "python"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + (" with local changes" if changed else "")


def compiler() -> str:
    path = shutil.which(os.environ.get("CXX", "c++"))
    if not path:
        return f"none here ({sys.platform})"
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.partition("\n")[0]


def caches() -> str:
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (text(index / name) for name in ("level", "type", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return ", ".join(found) or "unknown"


def text(path: str | Path) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def file_system(folder: Path) -> str:
    """Where a folder lies: the type of the file system, and what it is on."""
    where = os.path.realpath(folder)
    found = ("", "unknown")
    for line in text("/proc/self/mountinfo").splitlines():
        mount, _, source = line.partition(" - ")
        point = mount.split()[4]
        kind, device = source.split()[:2]
        inside = where == point or where.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(found[0]):
            found = point, f"{kind} on {device}"
    return found[1] + (": memory, so nothing is ever on a disk" if found[1].startswith("tmpfs") else "")


def first_value(path: str, name: str) -> str:
    for line in text(path).splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"
