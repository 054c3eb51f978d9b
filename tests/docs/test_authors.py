"""The author's guide is tried as it stands, and its reference is what the code says."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from crmkit.plugin.hookspecs import HOOKS
from tests.sites import EMAIL, PASSWORD, add_administrator, run, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

_GUIDE = Path(__file__).parents[2] / "docs" / "authors"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^(?:# |\{# )(plugins/\S+)")


def _steps() -> Iterator[tuple[str, str]]:
    """Answer the blocks of the guide in their order: language and text."""
    text = (_GUIDE / "README.md").read_text(encoding="utf-8")
    yield from ((found[1], found[2]) for found in _BLOCK.finditer(text))


def _commands(block: str) -> Iterator[tuple[list[str], list[str]]]:
    """Answer each command of a console block with the lines the guide says it prints."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *told = part.splitlines()
        words = shlex.split(command.replace("(", r"\(").replace(")", r"\)"))
        yield words[1:], told


def test_the_tutorial_builds_loyalty_as_it_says(tmp_path: Path) -> None:
    add_administrator(tmp_path)
    done = 0
    for language, block in _steps():
        place = _FILE.match(block)
        if place is not None:
            path = tmp_path / place[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block, encoding="utf-8")
        for words, told in _commands(block) if language == "console" else ():
            result = run(tmp_path, *words)
            assert 0 == result.returncode, (words, result.stderr)
            for line in told:
                assert line in result.stdout, (words, result.stdout)
            done += 1
    assert 5 == done
    suite = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "plugins/loyalty/tests")
    tried = subprocess.run(
        [sys.executable, *suite], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "2 passed" in tried.stdout, tried.stdout
    with serving(tmp_path) as address, httpx.Client(base_url=address) as client:
        client.post("/login", data={"name": EMAIL, "password": PASSWORD})
        token = re.search(r'name="csrf-token" content="(\w+)"', client.get("/").text)
        assert token is not None
        form = {"csrf_token": token[1], "name": "Nina", "custom.loyalty.tier": "gold"}
        person = client.post("/crm.person/new", data=form).headers["location"]
        points = {"csrf_token": token[1], "amount": "7", "reason": "gift",
                  "person": person.rsplit("/", 1)[1]}  # fmt: skip
        assert 303 == client.post("/loyalty.points/new", data=points).status_code
        page = client.get(person).text
        assert "7 points" in page
        assert "Gold" in page
        own = client.get("/loyalty/ranking")
        assert 200 == own.status_code
        assert "<p>1</p>" in own.text
        assert 'href="/loyalty/ranking"' in own.text
        refused = client.post("/loyalty.points/new", data={**points, "amount": "0"})
        assert 422 == refused.status_code
        assert "must not be zero" in refused.text


def _generator() -> object:
    spec = importlib.util.spec_from_file_location("generate", _GUIDE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says() -> None:
    text = (_GUIDE / "reference.md").read_text(encoding="utf-8")
    assert text == _generator().reference(), "run `.venv/bin/python docs/authors/generate.py`"  # type: ignore[attr-defined]
    for name in HOOKS:
        assert f"### `{name}`" in text
