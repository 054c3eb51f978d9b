"""TRAPS section 2: the embedded server. What needs one of its own is in tests/db/server, by id."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import crmkit
from crmkit.records.query import ListQuery, list_records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.db.engine import Database
    from crmkit.model.context import Context

    Make = Callable[..., Awaitable[int]]

_PACKAGE = Path(crmkit.__file__).parent
_SERVER_TESTS = Path(__file__).parents[1] / "db" / "server"


async def test_cyrillic_search(db: Database) -> None:
    """TRAPS E1: letters beyond ASCII are folded and have trigrams."""
    row = await db.row("SELECT lower('ЖУК') AS low, cardinality(show_trgm('Жук')) AS many")
    assert row is not None
    assert ("жук", 4) == (row["low"], row["many"])


async def test_name_order_on_15_and_18(admin: Context, make: Make) -> None:
    """TRAPS E4: names stand where people look for them, not by code point."""
    for name in ("Zoe", "anna", "Ärger", "Ёлка", "Борис", "ёж"):
        await make("crm.company", name=name)
    listing = await list_records(admin, admin.site.entity("crm.company"), ListQuery())
    names = [row["name"] for row in listing.rows]
    assert ["anna", "Ärger", "Zoe", "Борис", "ёж", "Ёлка"] == names


def test_ddl_runs_on_15() -> None:
    """TRAPS E8: generated columns say STORED, and nothing of 18 alone is used."""
    scripts = list(_PACKAGE.rglob("migrations/*.sql"))
    assert 5 <= len(scripts)
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        generated = re.findall(
            r"GENERATED ALWAYS AS \((?:[^()]|\([^()]*\)|\((?:[^()]|\([^()]*\))*\))*\)\s*(\w+)", text
        )
        assert {"STORED"} >= set(generated), script
        assert not re.search(r"uuidv7|WITHOUT OVERLAPS|VIRTUAL", text), script


def test_the_other_traps_of_the_server_have_their_tests() -> None:
    """TRAPS E1, E2, E3, E6, E7: each is held by a test with a server of its own."""
    text = "".join(path.read_text() for path in _SERVER_TESTS.glob("test_*.py"))
    for name in (
        "test_cyrillic_search_under_lang_c",
        "test_start_as_root",
        "test_a_zombie_is_dead",
        "test_orphaned_backends_do_not_block_a_start",
        "test_another_major_version_is_refused_with_the_way_to_upgrade",
        "test_any_folder_name_works",
    ):
        assert f"def {name}(" in text
