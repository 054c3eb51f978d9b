"""`crmkit serve --reload`: begins anew when code changes; for those who write it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

import crmkit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SECONDS = 0.5
_KINDS = frozenset({".py", ".toml", ".html", ".css", ".js", ".po", ".sql", ".svg"})


def serve_reloading(folder: Path, words: Sequence[str]) -> int:
    """Serve in a process of its own, and begin that anew when a file changes.

    Watched are the site's plugins, themes and settings, and crmkit itself. What does not start
    waits for the next change, so that a slip of the pen ends nothing.

    Args:
        words: The command line of the serving process after `crmkit serve`.

    Returns:
        The exit code of the last process.
    """
    command = [sys.executable, "-m", "crmkit", "serve", *words]
    wanted = _Wanted()
    while True:
        seen = _moments(folder)
        process = subprocess.Popen(command)
        while not wanted.end and seen == _moments(folder):
            time.sleep(_SECONDS)
        if process.poll() is None:
            process.terminate()
        code = process.wait()
        if wanted.end:
            return code
        click.echo("A file changed; beginning anew.")


class _Wanted:
    """Whether a signal asked for the end."""

    def __init__(self) -> None:
        self.end = False
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, self._note)

    def _note(self, *_given: object) -> None:
        self.end = True


def _moments(folder: Path) -> dict[Path, float]:
    """Answer when each watched file was changed last."""
    found = {}
    for path in _files(folder):
        try:
            found[path] = path.stat().st_mtime
        except FileNotFoundError:
            continue  # gone between two looks: that is a change
    return found


def _files(folder: Path) -> Iterator[Path]:
    for place in (folder / "plugins", folder / "themes", folder / "config",
                  Path(crmkit.__file__).parent):  # fmt: skip
        yield from (each for each in place.rglob("*") if each.suffix in _KINDS)
    yield folder / "crmkit.toml"
