"""Where the files of one embedded server lie.

Everything is in one folder, normally ``<site>/var/postgres``:

    data/               PostgreSQL's data folder, mode 0700, of the server's account
    run/                folder of the unix socket, mode 0700, of the server's account
    lock, users         see ``locks``
    pg_hba.conf, pg_ident.conf, provisioned, server.log

Where the server's account cannot enter that folder, it holds only ``location``: the path of the
folder below ``/var/lib/crmkit`` that has all this instead. No permission is widened for it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from crmkit.db.server import account as accounts
from crmkit.db.server.account import Account, find_account, make_folder
from crmkit.errors import DatabaseStartError

#: Bytes of a socket's path: ``sun_path`` has 108 on Linux, 104 on macOS, one ends the text.
_SOCKET_BYTES = 103 if sys.platform == "darwin" else 107
#: Where there are no unix sockets the number is chosen at each start.
SOCKET_PORT = 5432


@dataclass(frozen=True)
class Place:
    """The folders of one server and the account it runs as."""

    #: Holds everything; ``<site>/var/postgres`` or a folder below ``/var/lib/crmkit``.
    home: Path
    account: Account
    socket_folder: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data folder."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.home / "server.log"

    def open_file(self, name: str, *, mode: int = 0o600, append: bool = False) -> int:
        """Open one of our files for writing and return its number.

        A root process that serves another user's folder follows no link and leaves no file
        that the user could not open later.

        Raises:
            OSError: The file cannot be opened.
        """
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        flags |= os.O_APPEND if append else os.O_TRUNC
        fd = os.open(self.home / name, flags, mode)
        if os.name != "nt" and os.geteuid() == 0:
            owner = self.home.stat()
            os.fchown(fd, owner.st_uid, owner.st_gid)
        return fd

    def write(self, name: str, text: str, *, mode: int = 0o600) -> None:
        """Write one of our small files anew."""
        with os.fdopen(self.open_file(name, mode=mode), "w", encoding="utf-8") as file:
            if os.name != "nt":
                os.fchmod(file.fileno(), mode)  # the umask may have taken bits away
            file.write(text)


def find_place(data: Path) -> Place:
    """Make the folders of a server, below ``data`` or where its account can reach them.

    Args:
        data: ``<site>/var/postgres``, absolute; made with its parents when missing.

    Raises:
        DatabaseStartError: A folder cannot be made or belongs to somebody else.
    """
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
        place = _find(data)
        if place.account.is_other or not place.cluster.exists():
            return place
        _check_owner(place)
    except OSError as error:
        message = (
            f"PostgreSQL's folder {data} cannot be used ({error}). Give this user the right to "
            "write there, make room on the disk, or take another folder with --site."
        )
        raise DatabaseStartError(message) from error
    return place


def _find(data: Path) -> Place:
    home = _moved_to(data) or data
    account = find_account(home / "data")
    # Root's folders may be passed through, not listed: the server's account works below them.
    mode = 0o711 if account.is_other else 0o700
    make_folder(data, mode)
    if home == data and not account.can_enter(data):
        home = _move(data)
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(13, os.strerror(13), str(home))
    sockets = _socket_folder(home, account)
    make_folder(sockets, 0o700, account)
    _check_private(sockets, account)
    return Place(home=home, account=account, socket_folder=sockets)


def _check_owner(place: Place) -> None:
    owner = place.cluster.stat().st_uid
    if os.name != "nt" and owner != os.geteuid():
        message = (
            f"The database in {place.cluster} belongs to another account (number {owner}). Start "
            "crmkit as that user, or as root when root started it first."
        )
        raise DatabaseStartError(message)


def _moved_to(data: Path) -> Path | None:
    """Return the folder that ``location`` names.

    Raises:
        DatabaseStartError: It names a folder that is gone or is another site's.
    """
    note = data / "location"
    if not note.exists():
        return None
    home = Path(note.read_text(encoding="utf-8").strip())
    if not home.is_dir():
        message = (
            f"{note} says that the database lies in {home}, but that folder is missing. Put it "
            f"back, or delete {note} to begin with an empty database and restore a backup."
        )
        raise DatabaseStartError(message)
    owner = home / "site"
    other = Path(owner.read_text(encoding="utf-8").strip())
    if other != data:
        if (other / "location").exists() and not _same(other, data):
            message = (
                f"The database in {home} belongs to {other}; this folder is a copy of that one. "
                f"Delete {note} and restore a backup here, so that both have their own."
            )
            raise DatabaseStartError(message)
        owner.write_text(str(data), encoding="utf-8")  # the site's folder was moved
    return home


def _same(one: Path, two: Path) -> bool:
    try:
        return one.samefile(two)
    except OSError:
        return False


def _move(data: Path) -> Path:
    """Choose the folder below ``/var/lib/crmkit`` and write its path to ``location``.

    A database that already lies in ``data`` (a site copied below a closed folder) is taken
    along: copied first, removed here last.
    """
    sites = accounts.SYSTEM_FOLDER / "sites"
    home = sites / f"{data.parent.parent.name[:40]}-{_short_hash(data)}"
    make_folder(accounts.SYSTEM_FOLDER, 0o755)
    make_folder(sites, 0o711)
    make_folder(home, 0o711)
    (home / "site").write_text(str(data), encoding="utf-8")
    old, new = data / "data", home / "data"
    if old.exists() and not new.exists():
        owner = old.stat()
        fresh = home / "data.copied"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(old, fresh, symlinks=True, ignore=shutil.ignore_patterns("postmaster.*"))
        for path in (fresh, *fresh.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        fresh.rename(new)
    note = data / "location.new"
    note.write_text(f"{home}\n", encoding="utf-8")
    note.rename(data / "location")
    shutil.rmtree(old, ignore_errors=True)
    return home


def _socket_folder(home: Path, account: Account) -> Path:
    """Return a folder whose socket path fits into the bytes that the system allows.

    PostgreSQL's tools take a comma in a host for the end of its name, so it counts as too long.
    """
    name = f"/.s.PGSQL.{SOCKET_PORT}"
    near = home / "run"
    if len(os.fsencode(near)) + len(name) <= _SOCKET_BYTES and "," not in str(near):
        return near
    short = f"crmkit-{_short_hash(home)}"
    if account.is_other:
        shared = accounts.SYSTEM_FOLDER / "run"
        make_folder(accounts.SYSTEM_FOLDER, 0o755)
        make_folder(shared, 0o711)
        return shared / short
    private = os.environ.get("XDG_RUNTIME_DIR", "")
    # A temporary folder may be deep as well, /tmp is where every Unix has a short one.
    for parent in (private, tempfile.gettempdir(), "/tmp"):  # noqa: S108 (owner checked below)
        folder = Path(parent, f"{short}-{account.uid}")
        fits = len(os.fsencode(folder)) + len(name) <= _SOCKET_BYTES
        if parent and fits and os.access(parent, os.W_OK | os.X_OK):
            return folder
    message = (
        f"The path {home} is too long for a unix socket, and no short folder such as /tmp can be "
        "written to. Move the site to a shorter path, or set XDG_RUNTIME_DIR."
    )
    raise DatabaseStartError(message)


def _check_private(folder: Path, account: Account) -> None:
    """Refuse a socket folder that somebody else made first, or that others can enter."""
    if os.name == "nt":
        return
    facts = folder.lstat()
    if folder.is_symlink() or facts.st_uid != account.uid or facts.st_mode & 0o077:
        message = (
            f"The socket folder {folder} must be a folder of mode 0700 that belongs to "
            f"{account.name}. Remove it; crmkit makes it again."
        )
        raise DatabaseStartError(message)


def _short_hash(path: Path) -> str:
    return sha256(os.fsencode(path)).hexdigest()[:12]
