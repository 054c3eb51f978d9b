"""Which processes start, use and leave one embedded server.

Two locks that the system drops when a process dies, however it dies: ``lock`` is held for the
moments of starting and stopping, ``users`` is shared by everybody who works with the server.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FileLock:
    """One lock on one file; the file stays when the lock goes."""

    def __init__(self, path: Path) -> None:
        """Remember the file; nothing is opened yet."""
        self._path = path
        self._fd: int | None = None

    @property
    def fd(self) -> int | None:
        """The open file while the lock is held."""
        return self._fd

    def take(self, *, shared: bool = False) -> bool:
        """Take the lock if it is free now, or change the kind of one that is held.

        Returns:
            False when another process has it; a lock held before is then lost or kept as the
            system decides, so ``drop`` follows.

        Raises:
            OSError: The file cannot be opened.
        """
        if self._fd is None:
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            self._fd = os.open(self._path, flags, 0o600)
        try:
            _lock(self._fd, shared=shared)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def drop(self) -> None:
        """Give the lock back; without one this does nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


if sys.platform == "win32":

    def _lock(fd: int, *, shared: bool) -> None:
        # Windows has no shared kind here: users do not lock, so whoever started it stops it.
        if not shared:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:

    def _lock(fd: int, *, shared: bool) -> None:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
