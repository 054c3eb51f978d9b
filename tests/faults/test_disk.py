"""TRUST D6: a full disk is told, nothing is half-written, and work goes on once there is room."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.sites import EMAIL, PASSWORD, Serving, add_administrator, crmkit

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIB = 1024 * 1024


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 96 MiB, where root may make one."""
    folder = Path(tempfile.mkdtemp(prefix="crm-disk-", dir="/tmp"))
    folder.chmod(0o755)
    made = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=96m,mode=0755", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        folder.rmdir()
        pytest.skip("no disk can be made here")
    yield folder
    subprocess.run(["/bin/umount", "-l", folder], check=True)
    folder.rmdir()


def _fill(disk: Path) -> Path:
    """Take all room but a little and answer the file that took it."""
    filler = disk / "filler"
    room = os.statvfs(disk)
    with filler.open("wb") as file:
        file.write(b"\0" * (room.f_bavail * room.f_frsize - _MIB // 2))
    return filler


@pytest.mark.parametrize("log", ["elsewhere", "on the same disk"])
def test_a_full_disk_refuses_and_recovers(small_disk: Path, tmp_path: Path, log: str) -> None:
    site = small_disk / "site"
    site.mkdir()
    add_administrator(site)
    server = Serving(site, log=(site if "same" in log else tmp_path) / "serve.log")
    server.wait()
    with httpx.Client(base_url=server.base, timeout=30) as client:
        client.post("/login", data={"name": EMAIL, "password": PASSWORD})
        token = re.search(r'name="csrf-token" content="(\w+)"', client.get("/").text)
        assert token is not None
        client.headers["X-CSRF-Token"] = token[1]
        filler = _fill(small_disk)
        statuses, kept = set(), []
        for number in range(60):
            # Random text is not compressed, so each note takes its room.
            sent = {"name": f"Firm {number}", "notes": os.urandom(40_000).hex()}
            answer = client.post("/crm.company/new", data=sent)
            statuses.add(answer.status_code)
            if answer.status_code == 303:
                kept.append(sent["name"])
            elif answer.status_code == 507:
                assert "The disk of the database is full" in answer.text
                break
        assert statuses & {503, 507}
        assert {303, 503, 507} >= statuses
        filler.unlink()
        server.wait(20)
        made = client.post("/crm.company/new", data={"name": "After"})
        assert 303 == made.status_code
    assert 0 == server.stop()
    stored = re.findall(r"Firm \d+", crmkit(site, "export", "crm.company", "--machine"))
    assert sorted(kept) == sorted(stored)
