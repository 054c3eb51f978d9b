from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.crm import Activity, Company, Lead, Opportunity, Person
from crmkit.model.columns import Name, Reference

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from crmkit.model.record import Record

TABLES = (Company, Person, Lead, Opportunity, Activity)


@pytest.mark.parametrize("table", TABLES)
async def test_migration_makes_the_columns_declared(db: Database, table: type[Record]) -> None:
    rows = await db.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_name = $1",
        table._meta.tablename,
    )
    declared = {str(column._meta.name) for column in table._meta.columns}
    keys = {f"{column._meta.name}_key" for column in table._meta.columns if type(column) is Name}
    assert declared | keys == {row["column_name"] for row in rows}


@pytest.mark.parametrize("table", TABLES)
async def test_every_reference_people_follow_has_an_index(
    db: Database, table: type[Record]
) -> None:
    rows = await db.rows(
        "SELECT indexdef FROM pg_indexes WHERE tablename = $1", table._meta.tablename
    )
    first = {row["indexdef"].rpartition("(")[2].split(",")[0].rstrip(")") for row in rows}
    wanted = {
        str(column._meta.name)
        for column in table._meta.columns
        if isinstance(column, Reference) and column._meta.name not in {"created_by", "updated_by"}
    }
    assert set() == wanted - first
