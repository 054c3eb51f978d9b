"""`crmkit serve --workers N`: one port, several processes, none left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.sites import crmkit, free_port, run

_SERVES = 40.0


def _start(words: list[str], output: IO[str] | int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "crmkit", *words], stdout=output, stderr=subprocess.STDOUT
    )


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    found = [int(each) for each in text.split()]
    return [each for each in found if b"--socket" in Path(f"/proc/{each}/cmdline").read_bytes()]


def _until(url: str, *, answers: bool) -> None:
    end = time.monotonic() + _SERVES
    while time.monotonic() < end:
        try:
            found = httpx.get(url, timeout=2).status_code == 200
        except httpx.HTTPError:
            found = False
        if found is answers:
            return
        time.sleep(0.1)
    raise AssertionError(f"{url} answers: {not answers}")


def _gone(pid: int) -> bool:
    """Say whether a process is over; one that waits for its parent is."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_workers_share_a_port_are_replaced_and_end_with_their_parent(tmp_path: Path) -> None:
    crmkit(tmp_path, "init")
    port = free_port()
    words = ["serve", "--site", str(tmp_path), "--port", str(port), "--workers", "2"]
    log = tmp_path / "workers.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "crmkit", *words], stdout=file, stderr=file
        )
    url = f"http://127.0.0.1:{port}/readyz"
    _until(url, answers=True)
    first = _children(process.pid)
    assert 2 == len(first), log.read_text()
    # The one that tells it need not be the one that answered.
    end = time.monotonic() + _SERVES
    while "First sign-in" not in log.read_text() and time.monotonic() < end:
        time.sleep(0.1)
    assert 1 == log.read_text().count("First sign-in")

    os.kill(first[0], signal.SIGKILL)
    end = time.monotonic() + _SERVES
    second = first
    # A process that is killed is there for a moment yet.
    while (first[0] in second or len(second) < 2) and time.monotonic() < end:
        time.sleep(0.1)
        second = _children(process.pid)
    assert 2 == len(second)
    assert first[0] not in second
    _until(url, answers=True)

    # Killed outright, it can tell nobody; the workers see it and give the port back.
    process.kill()
    process.wait(10)
    _until(url, answers=False)
    end = time.monotonic() + _SERVES
    while not all(map(_gone, second)) and time.monotonic() < end:
        time.sleep(0.1)
    assert all(map(_gone, second))


@pytest.mark.long
def test_a_signal_ends_all_workers_in_good_order(tmp_path: Path) -> None:
    (tmp_path / "crmkit.toml").write_text("[server]\nworkers = 2\n")
    port = free_port()
    words = ["serve", "--site", str(tmp_path), "--port", str(port)]
    process = _start(words, subprocess.DEVNULL)
    _until(f"http://127.0.0.1:{port}/readyz", answers=True)
    children = _children(process.pid)
    assert 2 == len(children)
    process.terminate()
    assert 0 == process.wait(30)
    assert all(map(_gone, children))


def test_a_number_of_workers_that_cannot_be_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "crmkit.toml").write_text("[server]\nworkers = 0\n")
    done = run(tmp_path, "serve")
    assert 1 == done.returncode
    assert "`server.workers`" in done.stderr
