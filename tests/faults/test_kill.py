"""TRUST D1, D9: what was acknowledged is there, whatever was killed while people wrote."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.killing import READY_SECONDS, postmaster, sign_in, writing
from tests.sites import Serving, add_administrator, crmkit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import httpx

    from tests.killing import Writer

_WRITERS = 3


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with an administrator."""
    add_administrator(tmp_path)
    return tmp_path


def _enter(client: httpx.Client, name: str) -> tuple[int, str | None]:
    answer = client.post("/crm.company/new", data={"name": name})
    return answer.status_code, name if answer.status_code == 303 else None


def _check(site: Path, writers: Sequence[Writer]) -> None:
    """Every acknowledged company is there once, and there are some."""
    stored = crmkit(site, "export", "crm.company", "--machine")
    names = re.findall(r"Writer \d \d+", stored)
    assert len(names) == len(set(names))
    acknowledged = [name for writer in writers for name in writer.acknowledged]
    assert acknowledged
    assert set(acknowledged) <= set(names)


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.long)])
def test_a_killed_server_loses_nothing_it_acknowledged(site: Path, kills: int) -> None:
    with Serving(site) as server:
        server.wait()
        with writing(_WRITERS, lambda: sign_in(server.base), _enter) as writers:
            for _ in range(kills):
                time.sleep(0.7)
                server.kill()
                server.begin()
                assert READY_SECONDS > server.wait()
            time.sleep(0.5)
        assert 0 == server.stop()
    _check(site, writers)


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.long)])
def test_a_killed_postgresql_comes_back_below_the_pages(site: Path, kills: int) -> None:
    with Serving(site) as server:
        server.wait()
        with writing(_WRITERS, lambda: sign_in(server.base), _enter) as writers:
            for _ in range(kills):
                time.sleep(0.9)
                os.kill(postmaster(site), signal.SIGKILL)
                time.sleep(0.2)
                begin = time.monotonic()
                server.wait(20)
                assert READY_SECONDS + 3 > time.monotonic() - begin
            time.sleep(0.5)
        assert 0 == server.stop()
    assert {303, 503} >= set().union(*(writer.statuses for writer in writers))
    _check(site, writers)


def test_a_stop_answers_what_is_under_way(site: Path) -> None:
    """TRUST D9: SIGTERM during requests: they are answered, the exit code is 0."""
    with Serving(site) as server:
        server.wait()
        with writing(_WRITERS, lambda: sign_in(server.base), _enter) as writers:
            time.sleep(1.2)
            begin = time.monotonic()
            assert 0 == server.stop()
            assert 10 > time.monotonic() - begin
    _check(site, writers)
    assert {303} == set().union(*(writer.statuses for writer in writers))
