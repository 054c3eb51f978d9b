"""`crmkit serve --reload`: new code is served, also after code that does not load."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.sites import crmkit, free_port

if TYPE_CHECKING:
    from pathlib import Path

_MANIFEST = 'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_CODE = """from crmkit import Plugin, get

@get("/trial/word", policy="public", media_type="text/plain")
async def word() -> str:
    return "{0}"


class Trial(Plugin):
    def routes(self):
        return [word]
"""


def _until(url: str, word: str) -> bool:
    end = time.monotonic() + 40
    while time.monotonic() < end:
        try:
            if httpx.get(url).text == word:
                return True
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    return False


@pytest.mark.long
def test_changed_code_is_served_by_a_new_process(tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "trial"
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_text(_MANIFEST)
    code = folder / "__init__.py"
    code.write_text(_CODE.format("first"))
    crmkit(tmp_path, "init")
    port = free_port()
    words = ["serve", "--site", str(tmp_path), "--port", str(port), "--reload"]
    with (tmp_path / "reload.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "crmkit", *words], stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}/trial/word"
        assert _until(url, "first")
        code.write_text(_CODE.format("second").replace("Trial(Plugin)", "Trial(Plugin"))
        time.sleep(2)
        code.write_text(_CODE.format("third one"))
        assert _until(url, "third one"), (tmp_path / "reload.log").read_text()
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(30)
    assert not _answers(port)


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/healthz")
    except httpx.HTTPError:
        return False
    return True
