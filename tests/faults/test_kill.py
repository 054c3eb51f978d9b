"""TRUST D1, D9: what was acknowledged is there, whatever was killed while people wrote."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.sites import EMAIL, PASSWORD, Serving, add_administrator, crmkit

if TYPE_CHECKING:
    from collections.abc import Iterator

_READY_SECONDS = 5.0
_WRITERS = 3


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with an administrator."""
    add_administrator(tmp_path)
    return tmp_path


class _Writer(threading.Thread):
    """Somebody who enters companies as fast as the pages answer, and remembers what was said."""

    def __init__(self, base: str, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.base, self.acknowledged = base, list[str]()
        self.statuses: set[int] = set()
        self.done = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.done.is_set():
            try:
                with httpx.Client(base_url=self.base, timeout=20) as client:
                    client.post("/login", data={"name": EMAIL, "password": PASSWORD})
                    token = re.search(r'name="csrf-token" content="(\w+)"', client.get("/").text)
                    assert token is not None
                    client.headers["X-CSRF-Token"] = token[1]
                    while not self.done.is_set():
                        number += 1
                        name = f"{self.name} {number}"
                        answer = client.post("/crm.company/new", data={"name": name})
                        self.statuses.add(answer.status_code)
                        if answer.status_code == 303:
                            self.acknowledged.append(name)
            except (httpx.HTTPError, AssertionError):
                time.sleep(0.05)


@pytest.fixture
def writers() -> Iterator[list[_Writer]]:
    """Those started, ended with the test."""
    started: list[_Writer] = []
    yield started
    for writer in started:
        writer.done.set()
        writer.join(timeout=30)


def _start(writers: list[_Writer], base: str) -> None:
    for number in range(_WRITERS):
        writer = _Writer(base, f"Writer {number} of {os.getpid()}")
        writer.start()
        writers.append(writer)


def _postmaster(site: Path) -> int:
    place = site / "var" / "postgres"
    if (place / "location").exists():
        place = Path((place / "location").read_text().strip())
    return int((place / "data" / "postmaster.pid").read_text().split()[0])


def _check(site: Path, writers: list[_Writer]) -> int:
    """Every acknowledged company is there once; answers how many there were."""
    stored = crmkit(site, "export", "crm.company", "--machine")
    names = re.findall(r"Writer \d of \d+ \d+", stored)
    assert len(names) == len(set(names))
    acknowledged = [name for writer in writers for name in writer.acknowledged]
    assert set(acknowledged) <= set(names)
    return len(acknowledged)


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.long)])
def test_a_killed_server_loses_nothing_it_acknowledged(
    site: Path, writers: list[_Writer], kills: int
) -> None:
    server = Serving(site)
    server.wait()
    _start(writers, server.base)
    for _ in range(kills):
        time.sleep(0.7)
        server.kill()
        server = Serving(site, server.port)
        assert _READY_SECONDS > server.wait()
    time.sleep(0.5)
    for writer in writers:
        writer.done.set()
        writer.join(timeout=30)
    assert 0 == server.stop()
    assert 0 < _check(site, writers)


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.long)])
def test_a_killed_postgresql_comes_back_below_the_pages(
    site: Path, writers: list[_Writer], kills: int
) -> None:
    server = Serving(site)
    server.wait()
    _start(writers, server.base)
    for _ in range(kills):
        time.sleep(0.9)
        os.kill(_postmaster(site), signal.SIGKILL)
        time.sleep(0.2)
        begin = time.monotonic()
        server.wait(20)
        assert _READY_SECONDS + 3 > time.monotonic() - begin
    time.sleep(0.5)
    for writer in writers:
        writer.done.set()
        writer.join(timeout=30)
    assert 0 == server.stop()
    assert {303, 503} >= set().union(*(writer.statuses for writer in writers))
    assert 0 < _check(site, writers)


def test_a_stop_answers_what_is_under_way(site: Path, writers: list[_Writer]) -> None:
    """TRUST D9: SIGTERM during requests: they are answered, the exit code is 0."""
    server = Serving(site)
    server.wait()
    _start(writers, server.base)
    time.sleep(1.2)
    begin = time.monotonic()
    assert 0 == server.stop()
    assert 10 > time.monotonic() - begin
    for writer in writers:
        writer.done.set()
    assert 0 < _check(site, writers)
    assert {303} == set().union(*(writer.statuses for writer in writers))
