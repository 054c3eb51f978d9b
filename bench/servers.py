"""Server processes on a core of their own: how soon they answer, and what memory they take."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.client import BenchError, Browser, Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The first core serves, the others have database and client.
CORES = sorted(os.sched_getaffinity(0))
_PATIENCE = 60.0
_PAUSE = 0.005


def pin_rest() -> None:
    """Keep this process, and PostgreSQL below it, off the core that serves."""
    if len(CORES) > 1:
        os.sched_setaffinity(0, CORES[1:])


def free_port() -> int:
    """Answer a port nobody uses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@dataclass(frozen=True, slots=True)
class Command:
    """How a server is started; `{port}` stands for its port."""

    words: Sequence[str]
    environment: Mapping[str, str]


def crmkit_command(folder: Path) -> Command:
    """Answer how crmkit serves the site."""
    return Command(
        (sys.executable, "-P", "-m", "crmkit", "serve", "--site", str(folder), "--port", "{port}"),
        {},
    )


def floor_command(dsn: str) -> Command:
    """Answer how the floor is served."""
    return Command((sys.executable, "-m", "bench.floor", dsn, "{port}"), {})


def django_command(environment: Mapping[str, str]) -> Command:
    """Answer how the peer is served: gunicorn with one worker of its default kind."""
    return Command(
        (sys.executable, "-m", "gunicorn", "--workers", "1", "--timeout", "3600", "--log-level",
         "warning", "--bind", "127.0.0.1:{port}", "bench.peers.django_admin.wsgi"),
        environment,
    )  # fmt: skip


class Server:
    """One running server."""

    def __init__(self, command: Command, log: Path) -> None:
        """Start it, pinned to its core."""
        self.port = free_port()
        self._began = time.perf_counter()
        words = [word.replace("{port}", str(self.port)) for word in command.words]
        if len(CORES) > 1:
            words = ["taskset", "--cpu-list", str(CORES[0]), *words]
        self._command = " ".join(words)
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            words,
            env={**os.environ, **command.environment},
            cwd=Path(__file__).resolve().parents[1],
            stdout=self._log,
            stderr=self._log,
        )

    async def first_page(self, request: Request, cookie: str) -> float:
        """Ask for a page until it comes; answer the seconds since the start.

        Raises:
            BenchError: The server ended, or no page came within a minute.
        """
        while True:
            browser = Browser(self.port, cookie)
            try:
                await browser.send(request)
            except (OSError, asyncio.IncompleteReadError) as error:
                waited = time.perf_counter() - self._began
                if self.process.poll() is not None or waited > _PATIENCE:
                    raise BenchError(
                        f"{self._command} does not serve; see {self._log.name}."
                    ) from error
                await asyncio.sleep(_PAUSE)
            else:
                return time.perf_counter() - self._began
            finally:
                await browser.close()

    def memory(self) -> float:
        """Answer the resident memory of the server's processes in MiB, PostgreSQL left out."""
        return sum(_resident(each) for each in _family(self.process.pid)) / 1024

    def stop(self) -> None:
        """End it as a service manager does."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()


def _family(pid: int) -> list[int]:
    found = [pid]
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (thread / "children").read_text("ascii").split()):
                if "postgres" not in Path(f"/proc/{child}/comm").read_text("ascii"):
                    found += _family(child)
    except OSError:
        pass  # it ended while it was looked at
    return found


def _resident(pid: int) -> int:
    """Answer the resident memory of a process in KiB."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
