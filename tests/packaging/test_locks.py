"""What the locks promise. Renew them, from the root of the repository, with:

compile="uv pip compile --universal --python-version 3.11 --generate-hashes --no-header"
compile="$compile --no-emit-index-url --no-emit-find-links"
$compile pyproject.toml -o locks/default.lock
$compile pyproject.toml --group dev -o locks/dev.lock
$compile pyproject.toml --group dev --group dev-browser -o locks/browser.lock
$compile pyproject.toml --group dev --group dev-browser --group bench -o locks/bench.lock
echo "uv>=0.9" | $compile - -o locks/tools.lock
printf 'hatchling\nbrotli\nbabel\nnodejs-wheel-binaries<25\n' | $compile - -o locks/build.lock
(cd assets && npm install --package-lock-only --omit-lockfile-registry-resolved)
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "locks").glob("*.lock"))
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)


def read_pins(name: str) -> set[tuple[str, str]]:
    return set(PINNED.findall((ROOT / "locks" / f"{name}.lock").read_text("utf-8")))


def npm_packages() -> dict[str, dict[str, Any]]:
    lock = json.loads((ROOT / "assets" / "package-lock.json").read_text("utf-8"))
    return {path: entry for path, entry in lock["packages"].items() if path}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_names_no_index(lock: Path) -> None:
    text = lock.read_text("utf-8")

    assert [] == re.findall(
        r"\S*://\S*|^\s*-.*index.*|.*find-links.*|.*file:.*", text, re.MULTILINE
    )


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_pin_has_hashes(lock: Path) -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", lock.read_text("utf-8"), flags=re.MULTILINE)
    pins = [entry for entry in entries if PINNED.match(entry)]

    assert pins
    assert [] == [pin for pin in pins if "--hash=sha256:" not in pin]


@pytest.mark.parametrize(
    ("smaller", "larger"), [("default", "dev"), ("dev", "browser"), ("browser", "bench")]
)
def test_a_larger_lock_contains_the_smaller(smaller: str, larger: str) -> None:
    assert set() == read_pins(smaller) - read_pins(larger)


def test_every_dependency_of_the_project_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"]]
    for group in project["dependency-groups"].values():
        wanted += group
    names = {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0].lower() for line in wanted}

    assert set() == names - {name for name, _ in read_pins("bench")}


def test_package_lock_keeps_integrity_and_no_address() -> None:
    packages = npm_packages()

    assert packages
    assert [] == [path for path, entry in packages.items() if "integrity" not in entry]
    assert [] == [path for path, entry in packages.items() if "resolved" in entry]


def test_package_lock_holds_the_versions_asked_for() -> None:
    asked = json.loads((ROOT / "assets" / "package.json").read_text("utf-8"))["dependencies"]
    locked = npm_packages()

    assert asked == {name: locked[f"node_modules/{name}"]["version"] for name in asked}
