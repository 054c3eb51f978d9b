"""Real processes on sites of their own, for the tests of browser, command line and faults."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "correct horse battery"
EMAIL = "ada@example.com"


def run(site: Path, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command on a site."""
    command = [sys.executable, "-m", "crmkit", *words, "--site", str(site)]
    return subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=120
    )


def crmkit(site: Path, *words: str, text: str = "") -> str:
    """Run a command that must succeed, and answer what it printed."""
    done = run(site, *words, text=text)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def add_administrator(site: Path) -> None:
    """Make the account of `EMAIL` and `PASSWORD`."""
    crmkit(site, "user", "create", EMAIL, "--name", "Ada Boss", "--role", "administrator",
           "--password", PASSWORD)  # fmt: skip


def free_port() -> int:
    """Answer a port nobody uses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


class Serving:
    """A serving process; `log` is what it printed. A block ends it, whatever happens."""

    def __init__(self, site: Path, port: int | None = None, log: Path | None = None) -> None:
        self.site, self.port = site, port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._path = log or site / "serve.log"
        self.begin()

    def begin(self) -> None:
        """Start it, at the first time or again."""
        self._log = self._path.open("a+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "crmkit", "serve", "--site", str(self.site), "--port",
             str(self.port)],
            stdout=self._log,
            stderr=self._log,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()  # so that its database ends with it
            self.process.wait(timeout=60)
        self._log.close()

    @property
    def log(self) -> str:
        """Everything printed so far."""
        return self._path.read_text()

    def wait(self, seconds: float = 30.0) -> float:
        """Wait until it can work, and answer the seconds it took."""
        begin = time.monotonic()
        while True:
            try:
                with urllib.request.urlopen(f"{self.base}/readyz", timeout=5):  # noqa: S310 - loopback
                    return time.monotonic() - begin
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, self.log
                assert time.monotonic() - begin < seconds, self.log
                time.sleep(0.02)

    def stop(self) -> int:
        """End it as a service manager does, and answer its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        self._log.close()
        return code

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()
        self._log.close()


@contextmanager
def serving(site: Path) -> Iterator[str]:
    """Serve a site on a free port and answer its address."""
    server = Serving(site)
    try:
        server.wait()
        yield server.base
    finally:
        server.stop()
