from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crmkit.db.server import account, bin_folder, binaries, processes
from crmkit.errors import DatabaseStartError

if TYPE_CHECKING:
    from .conftest import NewServer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root's own rules")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def owner_of_server(cluster: Path) -> int:
    found = processes.find_postmaster(cluster)
    assert found is not None
    return Path(f"/proc/{found.pid}").stat().st_uid


@pytest.fixture
def closed(folder: Path) -> Path:
    """A folder like root's home."""
    place = folder / "home"
    place.mkdir(mode=0o700)
    return place


def test_start_as_root(new_server: NewServer, data: Path) -> None:
    """TRAPS E2: another account runs it, inside the site where that account can go."""
    server = new_server(fresh=True)
    server.start()

    assert data / "data" == server.cluster
    assert owner_of_server(server.cluster) != 0
    assert (0o700, 0o700) == (mode(data / "data"), mode(data / "run"))
    assert 0 == data.stat().st_uid
    assert 0o711 == mode(data)


def test_below_a_closed_folder_the_data_lies_in_the_system_folder(
    new_server: NewServer, closed: Path, system_folder: Path
) -> None:
    data = closed / "site" / "var" / "postgres"
    server = new_server(data)
    server.start()
    home = Path((data / "location").read_text().strip())

    assert home / "data" == server.cluster
    assert home.is_relative_to(system_folder)
    assert ["location"] == [path.name for path in data.iterdir()]
    assert 0o700 == mode(closed)
    assert owner_of_server(server.cluster) != 0
    server.stop()
    again = new_server(data)
    again.start()
    assert server.cluster == again.cluster
    again.erase()
    assert not home.exists()


def test_a_copy_of_a_site_does_not_share_its_database(new_server: NewServer, closed: Path) -> None:
    first = new_server(closed / "one" / "var" / "postgres")
    first.start()
    shutil.copytree(closed / "one", closed / "two")

    with pytest.raises(DatabaseStartError, match="is a copy"):
        new_server(closed / "two" / "var" / "postgres").start()


def test_a_moved_site_keeps_its_database(new_server: NewServer, closed: Path) -> None:
    first = new_server(closed / "one" / "var" / "postgres")
    first.start()
    first.stop()
    (closed / "one").rename(closed / "two")
    second = new_server(closed / "two" / "var" / "postgres")
    second.start()

    assert first.cluster == second.cluster


def test_a_missing_system_folder_is_explained(new_server: NewServer, closed: Path) -> None:
    data = closed / "var" / "postgres"
    server = new_server(data)
    server.start()
    server.stop()
    shutil.rmtree(server.cluster.parent)

    with pytest.raises(DatabaseStartError, match=r"missing.*restore a backup"):
        new_server(data).start()


def test_a_database_brought_below_a_closed_folder_is_taken_along(
    new_server: NewServer, data: Path, closed: Path
) -> None:
    server = new_server()
    address = server.start()
    make = "CREATE TABLE t AS SELECT 42 AS id"
    psql = [str(server.binaries / "psql"), "-XAtq", address.dsn("crmkit_owner"), "-c"]
    assert 0 == binaries.run_quietly([*psql, make]).returncode
    server.stop()
    data.parent.rename(closed / "var")
    moved = new_server(closed / "var" / "postgres")
    psql[2] = moved.start().dsn("crmkit_owner")

    assert "42\n" == binaries.run_quietly([*psql, "SELECT id FROM t"]).stdout
    assert not (closed / "var" / "postgres" / "data").exists()


def test_programs_below_a_closed_folder_are_copied_once(
    monkeypatch: pytest.MonkeyPatch, new_server: NewServer, closed: Path, system_folder: Path
) -> None:
    package = bin_folder().parent.parent
    for source in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(source, closed / source.name, copy_function=os.link)
    monkeypatch.setattr(binaries, "bin_folder", lambda: closed / package.name / "pginstall/bin")
    server = new_server()
    server.start()
    first = server.binaries.stat().st_ino
    server.stop()
    server.start()

    assert server.binaries.is_relative_to(system_folder / "postgres")
    assert first == server.binaries.stat().st_ino
    assert 1 == len(list((system_folder / "postgres").iterdir()))
    assert 0o700 == mode(closed)


def test_without_useradd_another_account_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "_ACCOUNT", "crmkit-missing")
    monkeypatch.setattr(shutil, "which", lambda *_args, **_more: None)

    assert account._system_account().name in {"postgres", "nobody"}


def test_a_socket_folder_made_by_somebody_else_is_refused(
    new_server: NewServer, data: Path
) -> None:
    data.mkdir(parents=True)
    (data / "run").mkdir(mode=0o777)

    with pytest.raises(DatabaseStartError, match="socket folder"):
        new_server().start()


def test_root_follows_no_link_in_the_log(new_server: NewServer, data: Path, folder: Path) -> None:
    data.mkdir(parents=True)
    (data / "server.log").symlink_to(folder / "victim")

    with pytest.raises(DatabaseStartError):
        new_server().start()
    assert not (folder / "victim").exists()
