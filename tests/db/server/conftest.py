"""Real servers in folders of their own, ended and removed whatever a test does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crmkit.db.server import EmbeddedServer, account, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    NewServer = Callable[..., EmbeddedServer]
    NewProcess = Callable[..., subprocess.Popen[str]]

ROOT = Path(__file__).parents[3]

#: Prints the postmaster's number once it serves, then stays until its input ends.
SERVE = """
import sys
from pathlib import Path
from crmkit.db.server import EmbeddedServer
from crmkit.db.server.processes import find_postmaster
from crmkit.errors import DatabaseStartError
server = EmbeddedServer(Path(sys.argv[1]), settings={"fsync": "off"})
try:
    address = server.start()
except DatabaseStartError as error:
    print("refused:", error, flush=True)
    sys.exit(1)
print(find_postmaster(server.cluster).pid, address.host, flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(autouse=True)
def no_site_and_no_database_of_the_run() -> None:
    """These tests start their own servers."""


@pytest.fixture(autouse=True)
def system_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stands for /var/lib/crmkit, in this process."""
    with tempfile.TemporaryDirectory(prefix="crm-lib-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        monkeypatch.setattr(account, "SYSTEM_FOLDER", Path(made))
        yield Path(made)
        _end_all(Path(made))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A site's folder that every account can enter, as /srv/site is."""
    made = Path(tempfile.mkdtemp(prefix="crm-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    _end_all(made)
    shutil.rmtree(made)


@pytest.fixture
def data(folder: Path) -> Path:
    return folder / "var" / "postgres"


def _end_all(folder: Path) -> None:
    """End what a failed test left: only servers whose data lies below the test's folder."""
    for found in folder.rglob("PG_VERSION"):
        cluster = found.parent
        if (cluster / "global").is_dir():
            processes.clear_leftovers(cluster, cluster, 5432)
            if (server := processes.find_postmaster(cluster)) is not None:
                pytest.fail(f"left process {server.pid}")


@pytest.fixture(scope="session")
def stopped_site() -> Iterator[Path]:
    """A folder with a database in order, to be copied: initdb takes a second."""
    made = Path(tempfile.mkdtemp(prefix="crm-", dir="/tmp"))
    made.chmod(0o755)
    server = EmbeddedServer(made / "postgres", settings={"fsync": "off"})
    server.start()
    server.stop()
    yield made / "postgres"
    shutil.rmtree(made)


@pytest.fixture
def new_server(data: Path, stopped_site: Path) -> Iterator[NewServer]:
    """Make servers that are stopped after the test; fsync off, for speed only.

    In the test's own folder they begin with an existing database unless `fresh` is asked for.
    """
    made: list[EmbeddedServer] = []

    def make(
        place: Path = data, *, sockets: bool = True, fresh: bool = False, **settings: str
    ) -> EmbeddedServer:
        if place == data and sockets and not fresh and not data.parent.exists():
            data.parent.mkdir()
            subprocess.run(["/bin/cp", "-a", stopped_site, data], check=True)
        server = EmbeddedServer(place, settings={"fsync": "off", **settings}, sockets=sockets)
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def new_process() -> Iterator[NewProcess]:
    """Start Python processes that use a server; `user` needs root."""
    made: list[subprocess.Popen[str]] = []

    def start(
        *arguments: str | Path,
        code: str = SERVE,
        user: int | None = None,
        env: dict[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
        )
        made.append(process)
        return process

    yield start
    for process in made:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    """Return what a process prints first."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
