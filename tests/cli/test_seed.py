"""`crmkit seed`: the same number gives the same rows, as records like all others."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from crmkit.cli.opening import open_site
from crmkit.cli.samples import RARE, RARE_EACH, people
from tests.sites import crmkit, run

if TYPE_CHECKING:
    from pathlib import Path


def test_a_rare_surname_is_borne_by_as_many_whatever_the_size() -> None:
    for number in (20_000, 50_000):
        last = Counter(person.name.split()[-1] for person in people(number, 10, 1))
        assert {RARE_EACH} == {last[name] for name in RARE}
    assert {5} == {len(name) for name in RARE}


@pytest.mark.long
def test_samples_are_the_same_for_the_same_number_and_refused_twice(tmp_path: Path) -> None:
    words = ("--people", "40", "--companies", "8", "--history", "50", "--seed", "7")
    first, second = tmp_path / "first", tmp_path / "second"
    for site in (first, second):
        site.mkdir()
        assert "40 people" in crmkit(site, "seed", *words)
    rows = [crmkit(site, "export", "crm.person") for site in (first, second)]
    assert rows[0] == rows[1]
    assert 41 == len(rows[0].splitlines())
    again = run(first, "seed", *words)
    assert 1 == again.returncode
    assert "empty one" in again.stderr
    plugins = json.loads(crmkit(first, "plugin", "list", "--json"))
    assert ["enabled"] == [each["state"] for each in plugins if each["id"] == "crm"]


def test_a_filled_site_has_every_index_of_an_empty_one(tmp_path: Path) -> None:
    """Filling takes them away for a while; search and sorting need them afterwards."""
    site = tmp_path / "site"
    site.mkdir()
    crmkit(site, "init")
    empty = asyncio.run(list_indexes(site))
    crmkit(site, "seed", "--people", "40", "--companies", "8", "--history", "50")

    assert len(empty) > 60
    assert empty == asyncio.run(list_indexes(site))


async def list_indexes(site: Path) -> list[str]:
    async with open_site(site) as opened:
        rows = await opened.db.rows("SELECT indexdef FROM pg_indexes ORDER BY indexdef")
    return [row["indexdef"] for row in rows if " public." in row["indexdef"]]
