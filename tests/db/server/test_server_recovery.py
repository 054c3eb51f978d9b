from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import asyncpg
import pytest

from crmkit.db.server import cluster, processes

from .conftest import first_line

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import NewProcess, NewServer

linux = pytest.mark.skipif(not processes._PROC.is_dir(), reason="needs /proc")


def kill_postmaster(cluster: Path) -> int:
    found = processes.find_postmaster(cluster)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    return found.pid


async def test_committed_data_survives_a_kill_of_the_postmaster(new_server: NewServer) -> None:
    server = new_server()
    connection = await asyncpg.connect(server.start().dsn("crmkit_owner"))
    await connection.execute("CREATE TABLE t AS SELECT 42 AS id")
    kill_postmaster(server.cluster)
    connection.terminate()
    begin = time.monotonic()
    address = server.start()

    assert time.monotonic() - begin < 5.0
    connection = await asyncpg.connect(address.dsn("crmkit_app"))
    assert 42 == await connection.fetchval("SELECT id FROM t")
    await connection.close()


@linux
def test_a_zombie_is_dead(new_server: NewServer, new_process: NewProcess, data: Path) -> None:
    """The starter lives, does not reap its dead postmaster, and another process starts."""
    starter = new_process(data)
    pid = int(first_line(starter).split()[0])
    kill_postmaster(data / "data")
    begin = time.monotonic()
    server = new_server()
    server.start()

    assert time.monotonic() - begin < 5.0
    assert "Z" == _state(pid)
    assert server.is_alive()


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0]


@linux
async def test_orphaned_backends_do_not_block_a_start(new_server: NewServer) -> None:
    """A stopped backend stands for one deep in a long query: it outlives its postmaster."""
    server = new_server()
    connection = await asyncpg.connect(server.start().dsn("crmkit_app"))
    orphan = await connection.fetchval("SELECT pg_backend_pid()")
    os.kill(orphan, signal.SIGSTOP)
    kill_postmaster(server.cluster)
    begin = time.monotonic()
    server.start()

    assert time.monotonic() - begin < 5.0
    assert orphan not in processes._list_processes(server.cluster)
    connection.terminate()


def test_a_stale_pid_file_that_names_a_foreign_process_is_cleared(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    kill_postmaster(server.cluster)
    time.sleep(0.2)
    # Of the same account: PostgreSQL itself takes another account's process for foreign.
    assert server._place is not None
    as_server = server._place.account.run_as()
    foreign = subprocess.Popen(["/bin/sleep", "60"], cwd=server.cluster, **as_server)
    try:
        pid_file = server.cluster / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(foreign.pid), *lines[1:]]))
        server.start()

        assert server.is_alive()
        assert foreign.poll() is None
    finally:
        foreign.kill()
        foreign.wait()


@linux
def test_a_stale_pid_file_that_names_another_sites_server_is_cleared(
    new_server: NewServer, folder: Path
) -> None:
    server, other = new_server(), new_server(folder / "other" / "postgres")
    server.start()
    other.start()
    kill_postmaster(server.cluster)
    time.sleep(0.2)
    shutil.copy(other.cluster / "postmaster.pid", server.cluster)

    assert str(folder / "var") in server.start().host
    assert other.is_alive()


@pytest.mark.parametrize("text", ["", "nonsense\n", "99999999999999999999\n/x\n"])
def test_a_damaged_pid_file_is_cleared(new_server: NewServer, text: str) -> None:
    server = new_server()
    server.start()
    server.stop()
    (server.cluster / "postmaster.pid").write_text(text)
    server.start()

    assert server.is_alive()


@pytest.mark.parametrize("seconds", [0.25, 0.4, 0.6])
def test_a_kill_during_the_first_start_is_healed_by_the_next(
    new_server: NewServer, new_process: NewProcess, data: Path, seconds: float
) -> None:
    process = new_process(data)
    time.sleep(seconds)
    process.kill()
    process.wait()
    server = new_server()
    address = server.start()

    done = subprocess.run(
        [server.binaries / "psql", "-XAtc", "SELECT 1", address.dsn("crmkit_app")],
        capture_output=True,
        check=True,
    )
    assert b"1\n" == done.stdout
    assert not (data / "data.new").exists()


def test_roles_and_extensions_are_made_by_one_start_at_a_time(new_server: NewServer) -> None:
    """The psql of a killed start still works when the next start begins the same."""
    server = new_server()
    address, place = server.start(), server._place
    assert place is not None
    for database in ("template1", "crmkit"):
        gone = "DROP EXTENSION pg_trgm, unaccent, btree_gist"
        dsn = address.dsn("postgres", database)
        subprocess.run([server.binaries / "psql", "-Xqc", gone, dsn], check=True)

    def provision(_: int) -> None:
        cluster.provision(place, server.binaries, address)

    with ThreadPoolExecutor(4) as pool:
        assert [None] * 4 == list(pool.map(provision, range(4)))


def test_a_watched_server_comes_back_by_itself(new_server: NewServer) -> None:
    server = new_server()
    server.start()
    server.keep_alive()
    old = kill_postmaster(server.cluster)
    end_at = time.monotonic() + 5.0
    while time.monotonic() < end_at:
        found = processes.find_postmaster(server.cluster)
        if found and found.pid != old and found.ready:
            break
        time.sleep(0.05)

    assert time.monotonic() < end_at
    server.stop()
    assert [] == processes._list_processes(server.cluster)
