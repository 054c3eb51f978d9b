"""Which processes of a data folder live, and how to end the ones left over.

The pid file alone is no proof: after a ``kill -9`` it names a dead process, a zombie, or by
now somebody else's process. PostgreSQL works inside its data folder, so the working directory
tells its processes from all others.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PID_LINE, _PORT_LINE, _SOCKET_LINE, _STATUS_LINE = 0, 3, 4, 7
#: Seconds that leftover processes get to disappear after SIGKILL.
_KILL_SECONDS = 5.0


@dataclass(frozen=True)
class PidFile:
    """What a postmaster wrote about itself."""

    pid: int
    port: int
    socket_folder: str
    ready: bool


def read_pid_file(cluster: Path) -> PidFile | None:
    """Return what ``postmaster.pid`` says, or None while it is missing or half written."""
    try:
        text = (cluster / "postmaster.pid").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    lines = [line.strip() for line in text.splitlines()] + [""] * 8
    if not lines[_PID_LINE].isdigit():
        return None
    port = lines[_PORT_LINE]
    return PidFile(
        pid=int(lines[_PID_LINE]),
        port=int(port) if port.isdigit() else 0,
        socket_folder=lines[_SOCKET_LINE],
        ready=lines[_STATUS_LINE] == "ready",
    )


def find_postmaster(cluster: Path) -> PidFile | None:
    """Return the living postmaster of a data folder; a zombie is dead."""
    found = read_pid_file(cluster)
    if found is None:
        return None
    reap(found.pid)
    return found if _is_postgres(found.pid, cluster) else None


def reap(pid: int) -> None:
    """Take the exit status of a dead child, so that it does not stay as a zombie."""
    if os.name == "nt":
        return
    try:
        os.waitpid(pid, os.WNOHANG)
    except (ChildProcessError, OverflowError):
        return  # not ours: its own parent, or nobody, takes it


def clear_leftovers(cluster: Path, socket_folder: Path, port: int) -> None:
    """End what a killed postmaster left, then remove its pid file and socket.

    Only to be called when ``find_postmaster`` found none and the start lock is held. Backends
    that outlive their postmaster hold the shared memory and block a new start for up to
    15 seconds; what they had not committed is rolled back by the recovery anyway.

    Raises:
        TimeoutError: A leftover process does not end.
    """
    if not _PROC.is_dir():
        _clear_foreign_pid(cluster)
        return
    end_at = time.monotonic() + _KILL_SECONDS
    while left := _list_processes(cluster):
        if time.monotonic() > end_at:
            message = f"processes {', '.join(map(str, left))} of {cluster} do not end"
            raise TimeoutError(message)
        for pid in left:
            _kill(pid)
        time.sleep(0.005)
    socket = socket_folder / f".s.PGSQL.{port}"
    for stale in (cluster / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock")):
        stale.unlink(missing_ok=True)


def _clear_foreign_pid(cluster: Path) -> None:
    """Without /proc, remove the pid file only where PostgreSQL itself would be misled.

    It handles the number of a dead process well, and its check of the shared memory, which
    needs the file, is what protects the data from backends that cannot be listed here.
    """
    found = read_pid_file(cluster)
    if found is not None and _exists(found.pid):
        (cluster / "postmaster.pid").unlink(missing_ok=True)


def _exists(pid: int) -> bool:
    if os.name == "nt":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    reap(pid)


def _list_processes(cluster: Path) -> list[int]:
    """Return the living PostgreSQL processes that work in a data folder."""
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _is_postgres(pid, cluster)]


def _is_postgres(pid: int, cluster: Path) -> bool:
    """Tell whether a living PostgreSQL process with this number works in the data folder."""
    if not _PROC.is_dir():
        return _is_postgres_by_name(pid)
    process = _PROC / str(pid)
    try:
        # "pid (name) state ...": the name may hold blanks and brackets.
        name, _, rest = (process / "stat").read_text(errors="replace").rpartition(")")
        if rest.split()[0] in "ZX" or name.partition("(")[2] != "postgres":
            return False
        return (process / "cwd").samefile(cluster)
    except (OSError, IndexError):
        return False  # gone meanwhile, or of another account, which cannot own our data


def _is_postgres_by_name(pid: int) -> bool:
    """Ask the system's tool where there is no /proc; the folder cannot be told there."""
    if os.name == "nt":
        command = ["tasklist", "/FI", f"PID eq {pid}", "/FI", "IMAGENAME eq postgres.exe", "/NH"]
        text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return str(pid) in text
    command = ["ps", "-o", "stat=,comm=", "-p", str(pid)]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return bool(text) and not text.startswith("Z") and text.endswith("postgres")
