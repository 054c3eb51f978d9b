"""No list, filter, count, search or duplicate check reads a large table row by row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from crmkit.model.list_filter import IN_DAYS, OPERATORS
from crmkit.records.duplicates import find_duplicates
from crmkit.records.filters import Filter
from crmkit.records.query import ListQuery, count_records, list_records
from crmkit.records.search import search_records

if TYPE_CHECKING:
    import pytest

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from tests.conftest import Login, Make

_PEOPLE = """
INSERT INTO crm_person (name, email, phone, city, job_title, source, company, owner, team)
SELECT 'P' || md5(n::text) || ' ' || n, 'p' || n || '@crm.example', '+49 40 ' || n,
    'City ' || n % 400, 'Job ' || n % 40, (ARRAY['', 'web', 'referral'])[1 + n % 3],
    $2 + n % 1000, CASE n % 100 WHEN 0 THEN $3::bigint END, CASE n % 10 WHEN 0 THEN $4::bigint END
FROM generate_series($1::int, $1::int + 9999) n
"""
_SEARCH = """
INSERT INTO core_search (entity, record, title, body)
SELECT 'crm.person', id, name, city || ' ' || email FROM crm_person
WHERE substring(email, 2, position('@' in email) - 2)::int >= $1::int
"""
_VALUES = {
    "text": "City 7", "email": "p17@crm.example", "phone": "+49 40 17", "choice": "web",
    "date": "2026-01-01", "datetime": "2026-01-01", "reference": "1", "money": "5", "number": "5",
    "decimal": "5", "url": "x", "textarea": "x", "checkbox": "1", "currency": "EUR",
}  # fmt: skip


def _read_in_order(node: dict[str, Any], least: int) -> list[str]:
    """Answer the sequential scans below a node of a plan that read `least` rows or more."""
    found = []
    if node["Node Type"] == "Seq Scan":
        rows = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        if rows >= least:
            found.append(f"{node['Relation Name']}: {rows:.0f} rows, {node.get('Filter', '')}")
    for child in node.get("Plans", ()):
        found += _read_in_order(child, least)
    return found


class _Explained:
    """Hands each read of a database on, and keeps what its plan read in order."""

    def __init__(self, db: Database, monkeypatch: pytest.MonkeyPatch, least: int) -> None:
        self.found: list[str] = []
        self.statements = 0
        rows = db.rows

        async def explained(sql: str, *args: object) -> Any:  # noqa: ANN401 - as the original
            plan = await rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *args)
            self.found += _read_in_order(json.loads(plan[0][0])[0]["Plan"], least)
            self.statements += 1
            return await rows(sql, *args)

        monkeypatch.setattr(db, "rows", explained)


def _queries(plan: EntityPlan) -> list[ListQuery]:
    found = [ListQuery(), ListQuery(search="p4a"), ListQuery(search="nobody at all")]
    for field in plan.fields.values():
        if field.sortable:
            found += [ListQuery(sort=field.name), ListQuery(sort=field.name, descending=True)]
    for name in plan.filters:
        kind = plan.fields[name].kind
        for op in OPERATORS[kind]:
            value = "Kan" if (op, kind) == ("contains", "reference") else _VALUES[kind]
            value = "30" if op in IN_DAYS else value
            found.append(ListQuery(filters=(Filter(name, op, value),)))
    return found


async def test_no_page_reads_a_large_table_row_by_row(
    admin: Context,
    make: Make,
    act_as: Login,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = 100_000
    db = admin.db
    plan = admin.site.entity("crm.person")
    team = await make("core.team", name="North")
    seller = await act_as("seller", team=team)
    first = await make("crm.company", name="Kan-code")
    await db.execute(
        "INSERT INTO crm_company (name) SELECT 'Company ' || n FROM generate_series(1, 1000) n"
    )
    for begin in range(1, rows, 10_000):
        await db.execute(_PEOPLE, begin, first, seller.user_id, team)
        await db.execute(_SEARCH, begin)
    await db.execute("ANALYZE crm_person, crm_company, core_search")
    explained = _Explained(db, monkeypatch, rows // 4)
    for ctx in (admin, seller):
        for query in _queries(plan):
            await list_records(ctx, plan, query)
            await count_records(ctx, plan, query)
        await search_records(ctx, "p17@crm")
        await find_duplicates(ctx, plan, {"name": "P4a81 7", "email": "p17@crm.example"})
    assert [] == explained.found
    # The measure measures: without its index a filter reads all rows.
    await db.execute("DROP INDEX crm_person_city_find_idx")
    await list_records(admin, plan, ListQuery(filters=(Filter("city", "contains", "City 7"),)))
    assert explained.found
