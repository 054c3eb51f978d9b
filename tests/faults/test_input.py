"""What people get wrong before anything runs: one sentence with the place and what to do."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.sites import add_administrator, crmkit, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[server]\nprot = 1\n",
            "crmkit.toml: unknown key `server.prot`. Did you mean `server.port`?",
        ),
        ("[server]\nport = 'x'\n", "`server.port`: expected `int`, got `str`"),
        ("name = \n", "crmkit.toml: this is no valid TOML"),
        ("time_zone = 'Mars'\n", "`time_zone` is not one of"),
        ("currency = 'dollars'\n", "`currency` is an ISO 4217 code"),
        ("[databse]\n", "unknown key `databse`. Did you mean `database`?"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "crmkit.toml").write_text(text)
    done = run(tmp_path, "serve", "--port", "0")
    assert 1 == done.returncode
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert ["crmkit.toml"] == [path.name for path in tmp_path.iterdir()]


def test_a_used_port_is_told_before_a_database_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(tmp_path, "serve", "--port", str(port))
    assert 1 == done.returncode
    assert f"127.0.0.1:{port} cannot be used" in done.stderr
    assert f"--port {port + 1}" in done.stderr
    assert not (tmp_path / "var").exists()


def test_an_unreachable_database_is_told_within_ten_seconds(tmp_path: Path) -> None:
    (tmp_path / "crmkit.toml").write_text('[database]\nurl = "postgresql://x@127.0.0.1:1/none"\n')
    begin = time.monotonic()
    done = run(tmp_path, "migrate")
    assert 10 > time.monotonic() - begin
    assert 1 == done.returncode
    assert "Check `[database] url` in crmkit.toml" in done.stderr


def test_data_of_another_major_version_is_left_alone(tmp_path: Path) -> None:
    add_administrator(tmp_path)
    place = tmp_path / "var" / "postgres"
    if (place / "location").exists():
        place = type(place)((place / "location").read_text().strip())
    mark = place / "data" / "PG_VERSION"
    mark.write_text("15\n")
    done = run(tmp_path, "serve", "--port", "0")
    mark.write_text("18\n")
    assert 1 == done.returncode
    assert "PostgreSQL 15" in done.stderr
    assert "restore" in done.stderr
    assert "Ada Boss" in crmkit(tmp_path, "export", "core.user")
