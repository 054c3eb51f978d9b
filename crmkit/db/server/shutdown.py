"""End one server in order."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from crmkit.db.server import binaries, processes
from crmkit.errors import DatabaseStartError

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from crmkit.db.server.place import Place

#: Seconds that a fast shutdown may take before that is an error.
_SECONDS = 60.0


def end_server(place: Place, programs: Path, child: subprocess.Popen[bytes] | None) -> None:
    """Shut down fast: sessions are ended, data is written, the process is awaited.

    Args:
        place: The server's folders.
        programs: The folder of ``pg_ctl``, which Windows needs.
        child: The postmaster when this process started it, reaped here.

    Raises:
        DatabaseStartError: The server does not end.
    """
    end_at = time.monotonic() + _SECONDS
    told: int | None = None
    while (pid := _find_pid(place, child)) is not None:
        if pid != told:
            _tell(place, programs, pid)
            told = pid
        if time.monotonic() > end_at:
            message = (
                f"PostgreSQL (process {pid}) in {place.cluster} does not end within "
                f"{_SECONDS:g} seconds. Its log is {place.log}."
            )
            raise DatabaseStartError(message)
        time.sleep(0.005)


def _find_pid(place: Place, child: subprocess.Popen[bytes] | None) -> int | None:
    """Return the process to end: our child too while it has not written its pid file yet."""
    if child is not None and child.poll() is None:
        return child.pid
    found = processes.find_postmaster(place.cluster)
    return None if found is None else found.pid


def _tell(place: Place, programs: Path, pid: int) -> None:
    if sys.platform != "win32":
        os.kill(pid, signal.SIGINT)
        return
    command = [binaries.program(programs, "pg_ctl"), "stop", "-W", "-m", "fast"]
    binaries.run_quietly([*command, "-D", str(place.cluster)])
