"""TRAPS section 3: writes and reads."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import crmkit
from crmkit.errors import InvalidError, NotFoundError, PluginError, StaleVersionError
from crmkit.model.columns import Name, Reference
from crmkit.model.entity import Entity
from crmkit.model.record import Record
from crmkit.plugin.planning import plan_entity
from crmkit.records.bulk import Selection, bulk_edit
from crmkit.records.filters import Filter
from crmkit.records.query import (
    COUNT_CAP,
    ListQuery,
    count_records,
    list_records,
    list_statement,
)
from crmkit.records.values import parse_values
from tests.trust.conftest import NEEDED, stands_alone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from tests.web.conftest import Browse

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]

_PACKAGE = Path(crmkit.__file__).parent


async def test_no_implicit_cascade(db: Database) -> None:
    """TRAPS R1: no foreign key of ours deletes records with what they refer to."""
    rows = await db.rows(
        "SELECT conrelid::regclass::text AS name, confdeltype::text AS kind FROM pg_constraint "
        "WHERE contype = 'f'"
    )
    assert 20 <= len(rows)
    cascading = {row["name"] for row in rows if row["kind"] == "c"}
    # Lines of a plugin's documents go with their document.
    cascading = {name for name in cascading if not name.startswith("orders_")}
    # Sessions, links, tokens and saved views belong to a person and go with them.
    assert cascading <= {
        "core_session", "core_link", "core_saved_view", "core_token", "core_feed",
        "core_notification", "core_notification_choice", "core_notification_settings",
        "core_webhook_call",
        "core_deadline_step", "core_approval", "core_message_link", "core_mail_cursor",
        "core_mail_account", "core_message_file", "core_message_erased", "core_hook_call",
        "core_mail_consent",
    }  # fmt: skip
    assert "cascade" != Reference("core_user").on_delete


async def test_stale_form_is_409(browse: Browse) -> None:
    """TRAPS R2: the last editor does not win every field."""
    client = await browse("administrator")
    made = await client.post("/crm.company/new", data={"name": "Kan-code"})
    url = made.headers["location"]
    for city, status in (("Berlin", 303), ("Bonn", 409)):
        sent = {"name": "Kan-code", "city": city, "version": "1"}
        assert status == (await client.post(f"{url}/edit", data=sent)).status_code
    assert "Berlin" in (await client.get(url)).text


async def test_only_changed_columns_are_written(admin: Context, make: Make) -> None:
    """TRAPS R2: a save touches the columns that changed, and those alone are in the journal."""
    company = await make("crm.company", name="Kan-code", city="Berlin")
    await admin.save("crm.company", company, name="Kan-code", city="Bonn")
    after = await admin.db.value("SELECT after FROM core_journal ORDER BY id DESC LIMIT 1")
    assert {"city": "Bonn"} == after


async def test_write_counts(admin: Context, make: Make) -> None:
    """TRAPS R3: how many were changed is counted, not guessed."""
    plan = admin.site.entity("crm.company")
    ids = [await make("crm.company", name=f"Kan {n}") for n in range(3)]
    result = await bulk_edit(admin, plan, Selection(ids=(*ids, 999_999)), {"city": "Bonn"})
    assert (3, 1) == (result.changed, len(result.skipped))


async def test_keyset_plan(admin: Context) -> None:
    """TRAPS R4: a page begins with a row value, there is no OFFSET."""
    plan = admin.site.entity("crm.company")
    for number in range(3):
        await admin.create("crm.company", name=f"Kan {number}")
    first = await list_records(admin, plan, ListQuery(limit=1))
    text, _args = await list_statement(admin, plan, ListQuery(limit=1, token=first.next_token))
    assert re.search(r'\(t\."name_key", t\.id\) > \(', text)
    assert "OFFSET" not in text.upper()


async def test_list_has_no_full_count(admin: Context, db: Database) -> None:
    """TRAPS R5: a count stops at its cap."""
    plan = admin.site.entity("crm.company")
    await db.execute(
        "INSERT INTO crm_company (name) SELECT 'Kan ' || n FROM generate_series(1, $1) n",
        COUNT_CAP + 50,
    )
    found = await count_records(admin, plan, ListQuery())
    assert (COUNT_CAP, True) == (found.number, found.capped)
    assert COUNT_CAP + 50 == (await count_records(admin, plan, ListQuery(), None)).number


async def test_sortable_has_index(admin: Context, db: Database) -> None:
    """TRAPS R6: each column a list shows and sorts by has an index that ends in id."""
    rows = await db.rows("SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'")
    for plan in admin.site.entities.values():
        if plan.plugin == "core":
            continue  # dozens of rows
        ours = [row["indexdef"] for row in rows if row["tablename"] == plan.tablename]
        for name in plan.list:
            field = plan.fields[name]
            if field.sortable and not field.is_custom:
                wanted = f"{name}_key" if field.has_key else name
                assert any(re.search(rf"\b{wanted}\b.*, id\)", each) for each in ours), (
                    f"{plan.name}.{name}"
                )


async def test_braces_in_raw(admin: Context, make: Make) -> None:
    """TRAPS R7: braces in values are values."""
    text = '{"a": 1} {} {name}'
    company = await make("crm.company", name=text, notes=text)
    stored = await admin.get("crm.company", company)
    assert (text, text) == (stored["name"], stored["notes"])
    plan = admin.site.entity("crm.company")
    found = await list_records(admin, plan, ListQuery(search='{"a": 1}'))
    assert [company] == [row["id"] for row in found.rows]


@pytest.mark.parametrize(
    "raw",
    [
        {"name": "a\x00b"},
        {"name": "x" * 201},
        {"employees": str(2**63)},
        {"revenue": "1e400"},
        {"revenue": "NaN"},
        {"name": "\ud83d"},
    ],
)
def test_odd_values_are_400(admin: Context, raw: dict[str, str]) -> None:
    """TRAPS R8: what the driver cannot store is refused by field."""
    with pytest.raises(InvalidError) as refused:
        parse_values(admin, admin.site.entity("crm.company"), raw)
    assert set(raw) == set(refused.value.problems)


async def test_empty_and_huge_lists(admin: Context) -> None:
    """TRAPS R9: an empty selection and one of 40,000 ids are selections."""
    plan = admin.site.entity("crm.company")
    for values in ("", ",".join(str(n) for n in range(40_000))):
        opportunity = admin.site.entity("crm.opportunity")
        query = ListQuery(filters=(Filter("stage", "in", values),))
        assert [] == list((await list_records(admin, opportunity, query)).rows)
    assert 0 == (await bulk_edit(admin, plan, Selection(ids=()), {"city": "Bonn"})).changed


async def test_json_round_trip(db: Database) -> None:
    """TRAPS R10: JSON goes in and comes out as Python's values."""
    value = {"text": 'Ё " {}', "list": [1, None, True], "nested": {"a": {}}}
    assert value == await db.value("SELECT $1::jsonb", value)


async def test_name_collision_reported(db: Database) -> None:
    """TRAPS R11: tables and indexes carry their plugin's prefix."""
    rows = await db.rows(
        "SELECT indexname AS name, tablename FROM pg_indexes WHERE schemaname = 'public'"
    )
    for row in rows:
        prefix = row["tablename"].partition("_")[0]
        assert row["name"].startswith(f"{prefix}_"), row["name"]


def test_a_table_without_the_prefix_is_refused() -> None:
    """TRAPS R11: and a declaration without it stops its plugin."""

    class Stray(Record, tablename="contact"):
        name = Name(length=10)

    entity = Entity(Stray, "Strays", singular="Stray", title=Stray.name)
    with pytest.raises(PluginError, match="must be named `loyalty_"):
        plan_entity("loyalty", entity, {"contact": "contact"}, ())


async def test_before_save_sets_owner(make: Make, act_as: Login) -> None:
    """TRAPS R14: owner and team come with the record, nobody has to send them."""
    anna = await act_as("seller")
    lead = await anna.create("crm.lead", name="Tom")
    assert anna.user_id == (await anna.get("crm.lead", lead))["owner"]


async def test_own_or_team_plan(db: Database) -> None:
    """TRAPS R16: every connection of the pool plans for the values at hand."""
    assert "force_custom_plan" == await db.value("SHOW plan_cache_mode")


async def test_amounts_are_exact(admin: Context, make: Make) -> None:
    """Money is numeric from the form to the column and back (TRUST F4)."""
    deal = await make("crm.opportunity", name="GTX", amount=Decimal("0.10"))
    stored = await admin.get("crm.opportunity", deal)
    assert Decimal("0.10") == stored["amount"]
    assert "numeric" == await admin.db.value("SELECT pg_typeof(amount)::text FROM crm_opportunity")


async def test_a_gone_record_is_not_found_whatever_its_number(admin: Context) -> None:
    """TRAPS R8: numbers beyond eight bytes are no records."""
    for number in (0, -1, 2**63, 10**30):
        with pytest.raises(NotFoundError):
            await admin.get("crm.company", number)


async def test_two_forms_of_one_version(admin: Context, make: Make) -> None:
    """TRAPS R2 through the records layer, for every entity people edit."""
    anna = await make("core.user", name="Anna")
    for name, plan in admin.site.entities.items():
        if name == "core.message" or not stands_alone(plan):
            continue  # sent and received, never edited; or made with another one
        who = {"absentee": anna} if name == "core.absence" else {}
        record = await make(name, **{plan.title: "Sample"}, **NEEDED.get(name, {}), **who)
        await admin.save(name, record, version=1, **{plan.title: "First"})
        with pytest.raises(StaleVersionError):
            await admin.save(name, record, version=1, **{plan.title: "Second"})
        assert "First" == (await admin.get(name, record))[plan.title]
