"""`crmkit serve --workers N`: processes that share one port, begun again when one dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import rich_click as click

from crmkit.cli.serving import listen
from crmkit.cli.site_server import SiteServer, make_site
from crmkit.config import load_config
from crmkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 30
#: A process that dies so often in so many seconds will not get better by itself.
_DEATHS, _WITHIN = 5, 30.0


def serve_many(
    folder: Path, host: str | None, port: int | None, number: int, words: Sequence[str]
) -> int:
    """Serve with so many processes until a signal ends them.

    This process takes the port, keeps the database server alive and serves nothing itself; the
    system gives each new connection to a process that waits for one.

    Args:
        words: What else stands on the command line of each process.

    Returns:
        0, or 1 when processes die as soon as they begin.

    Raises:
        CrmkitError: Settings, port or database do not allow it.
    """
    if sys.platform == "win32":
        raise ConfigError("Several workers share a port, which Windows does not let them. Take 1.")
    if make_site(folder):
        click.echo(f"Made a new site in {folder.resolve()}.")
    config = load_config(folder)
    taken = listen(host or config.server.host, config.server.port if port is None else port)
    server = SiteServer(config)
    try:
        server.start()
        server.keep_alive()
        shared = ("--socket", str(taken.fileno()), str(os.getpid()))
        command = [sys.executable, "-P", "-m", "crmkit", "serve", "--site", str(folder),
                   *shared, *words]  # fmt: skip
        return _Workers(command, taken.fileno(), number).run()
    finally:
        taken.close()
        server.stop()


class _Workers:
    """The processes; the first one tells where the site is, the others are quiet."""

    def __init__(self, command: list[str], port: int, number: int) -> None:
        self._command, self._port = command, port
        self._wanted_end = False
        self._deaths: list[float] = []
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, self._note)
        # The first migrates; the others find all done.
        self._running = [self._begin(first=True)]
        self._missing = number - 1

    def _note(self, *_given: object) -> None:
        self._wanted_end = True

    def _begin(self, *, first: bool = False) -> subprocess.Popen[bytes]:
        quiet = [] if first else ["--quiet"]
        # A group of their own: Ctrl-C reaches this process, which tells them in good order.
        return subprocess.Popen(
            [*self._command, *quiet], pass_fds=(self._port,), start_new_session=True
        )

    def run(self) -> int:
        """Watch until the end is wanted."""
        try:
            while not self._wanted_end:
                for _ in range(self._missing):
                    self._running.append(self._begin())
                self._missing = 0
                time.sleep(_LOOK_SECONDS)
                if not self._look():
                    return 1
        finally:
            self._end()
        return 0

    def _look(self) -> bool:
        """Replace who died; answer False when they die too often."""
        for process in [each for each in self._running if each.poll() is not None]:
            if self._wanted_end:
                return True
            self._running.remove(process)
            now = time.monotonic()
            self._deaths = [each for each in self._deaths if now - each < _WITHIN] + [now]
            if len(self._deaths) >= _DEATHS:
                click.echo("Workers end as soon as they begin; the log says why.", err=True)
                return False
            click.echo(f"A worker ended ({process.returncode}); beginning another.", err=True)
            self._missing += 1
        return True

    def _end(self) -> None:
        """Let all end their requests, then end those that do not."""
        for process in self._running:
            process.terminate()
        last = time.monotonic() + _PATIENCE_SECONDS
        for process in self._running:
            try:
                process.wait(max(0.1, last - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
