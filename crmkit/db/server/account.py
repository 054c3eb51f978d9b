"""The system account that PostgreSQL runs as.

PostgreSQL refuses to run as root. A normal user is its own account; root hands the server to
a system account without a login shell and opens no folder for it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crmkit.errors import DatabaseStartError

if sys.platform != "win32":
    import pwd

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Only root writes here: what the server's account cannot reach elsewhere.
SYSTEM_FOLDER = Path("/var/lib/crmkit")
_ACCOUNT = "crmkit"


@dataclass(frozen=True)
class Account:
    """A system account; ``uid`` is -1 where the system has no numbers for them."""

    name: str
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Whether programs must change the account, which only root can do."""
        return os.name != "nt" and self.uid != os.geteuid()

    def run_as(self) -> dict[str, Any]:
        """Return the arguments of ``subprocess`` that make a program run as this account."""
        if not self.is_other:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Try, as this account, to enter a folder: ACLs and mounts count as well as modes."""
        if not self.is_other:
            return True
        command = ["/bin/sh", "-c", 'cd "$1" 2>/dev/null', "sh", str(folder)]
        try:
            done = subprocess.run(command, cwd="/", check=False, **self.run_as())
        except OSError as error:
            message = (
                f"root may not start PostgreSQL as the account {self.name} ({error}). Allow this "
                "container to change accounts (SETUID, SETGID and CHOWN), or run crmkit as a "
                "normal user."
            )
            raise DatabaseStartError(message) from error
        return done.returncode == 0


def find_account(cluster: Path) -> Account:
    """Return the account for a data folder: its owner when root starts an existing one.

    Args:
        cluster: PostgreSQL's data folder; it need not exist.

    Raises:
        DatabaseStartError: This user has no name, or root finds no other account.
    """
    if os.name == "nt":
        return Account("", -1, -1)
    uid = os.geteuid()
    if uid != 0:
        return _named(uid)
    if cluster.is_dir() and (owner := cluster.stat().st_uid) != 0:
        return _named(owner)
    return _system_account()


def _named(uid: int) -> Account:
    """Return the account of a number; PostgreSQL refuses numbers that have no name."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:
        message = (
            f"The user number {uid} has no name on this machine, and PostgreSQL refuses to start "
            "without one. Add it to /etc/passwd (useradd --uid), or run as a user that is there."
        )
        raise DatabaseStartError(message) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _system_account() -> Account:
    """Return the first of crmkit (made when possible), postgres and nobody."""
    if (found := _find_by_name([_ACCOUNT])) is None:
        _add_account()
        found = _find_by_name([_ACCOUNT, "postgres", "nobody"])
    if found is None:
        message = (
            "PostgreSQL refuses to run as root, and this machine has no account crmkit, postgres "
            "or nobody. Make one: useradd --system crmkit"
        )
        raise DatabaseStartError(message)
    return found


def _add_account() -> None:
    """Make the system account where the tool exists; two starts at once do no harm."""
    if tool := shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin"):
        command = [tool, "--system", "--user-group", "--no-create-home", "--home-dir"]
        command += [str(SYSTEM_FOLDER), "--shell", "/usr/sbin/nologin", _ACCOUNT]
        # A read-only /etc makes this fail; the caller then takes an account that exists.
        subprocess.run(command, check=False, capture_output=True)


def _find_by_name(names: Sequence[str]) -> Account | None:
    """Return the first of these accounts that exists and is not root."""
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    return None


def make_folder(path: Path, mode: int, owner: Account | None = None) -> None:
    """Make one folder with exactly this mode; one that exists keeps mode and owner.

    Raises:
        OSError: The folder cannot be made.
    """
    if os.path.lexists(path):
        return
    # It appears with its mode and owner, so that a start at the same time finds it finished.
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    fresh.mkdir()
    try:
        fresh.chmod(mode)
        if owner is not None and owner.is_other:
            os.chown(fresh, owner.uid, owner.gid)
        fresh.rename(path)
    except OSError:
        fresh.rmdir()
        if not os.path.lexists(path):
            raise
