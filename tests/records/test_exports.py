from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.errors import ForbiddenError
from crmkit.model.context import Principal
from crmkit.records.csv_file import read_csv
from crmkit.records.exports import export_csv
from crmkit.records.import_suggest import suggest
from crmkit.records.imports import dry_run
from crmkit.records.query import ListQuery
from crmkit.records.save import create_record
from crmkit.records.values import parse_values
from crmkit.web.translate import catalogue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from crmkit.model.context import Context
    from crmkit.model.role import Role

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]

_TEXTS = st.text(
    alphabet=st.one_of(
        st.sampled_from("=+-@'\"`,;|\t\r\n {}%\\\u00a0\u202e\ufeff€ß"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    ),
    max_size=30,
)


async def export(ctx: Context, entity: str, *columns: str, machine: bool = False) -> bytes:
    query = ListQuery(columns=columns)
    parts = [p async for p in export_csv(ctx, ctx.site.entity(entity), query, machine=machine)]
    return b"".join(parts)


async def test_no_cell_for_people_runs_as_a_formula(
    admin: Context, make: Make, same_connection: None
) -> None:
    await make("crm.company", name="=HYPERLINK(1)", city="-2", notes="'=3", employees=-4)
    text = (await export(admin, "crm.company", "name", "city", "notes", "employees")).decode()
    heading, line, _end = text.split("\r\n")  # what plugins compute comes behind
    assert heading.startswith("\ufeffName,City,Notes,Employees")
    assert line.startswith("'=HYPERLINK(1),'-2,''=3,-4")


async def test_for_machines_values_are_byte_for_byte(
    admin: Context, make: Make, same_connection: None
) -> None:
    record = await make("crm.company", name="=1\t", notes="'=3\nline")
    data = await export(admin, "crm.company", "name", "notes", machine=True)
    assert f'id,name,notes\r\n{record},=1\t,"\'=3\nline"\r\n'.encode() == data


async def test_an_export_needs_the_right(admin: Context, roles: Mapping[str, Role]) -> None:
    seller = replace(admin, principal=Principal(1, "Anna", roles["seller"]))
    with pytest.raises(ForbiddenError, match="does not allow"):
        await export(seller, "crm.company")


async def test_an_export_holds_what_the_right_to_export_reaches(
    make: Make, act_as: Login, same_connection: None
) -> None:
    anna = await act_as("manager")  # reads all companies, exports those of the team
    await make("crm.company", name="Of somebody else")
    await make("crm.company", name="Of Anna", owner=anna.user_id)
    text = (await export(anna, "crm.company", "name")).decode()
    assert "Of Anna" in text
    assert "Of somebody else" not in text


@given(rows=st.lists(st.tuples(_TEXTS, _TEXTS, _TEXTS), min_size=1, max_size=4))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_an_export_sent_back_changes_nothing(
    admin: Context, same_connection: None, rows: list[tuple[str, str, str]]
) -> None:
    plan = admin.site.entity("crm.company")
    await admin.db.execute("DELETE FROM crm_company")
    made: set[str] = set()
    for name, city, notes in rows:
        values = parse_values(admin, plan, {"name": name, "city": city, "notes": notes})
        if values["name"] and values["name"].casefold() not in made:
            made.add(values["name"].casefold())
            await create_record(admin, plan, values)
    if not made:
        return
    file = read_csv(await export(admin, "crm.company"))
    wanted = (await suggest(admin, plan, file)).plan

    report = await dry_run(admin, plan, file, wanted)

    assert "name" == wanted.key
    assert {"name", "city", "notes"} <= set(wanted.map.values())
    assert (0, 0, (), len(made)) == (
        report.created,
        report.updated,
        report.refused,
        report.unchanged,
    )


async def test_an_export_in_russian_is_matched_and_changes_nothing(
    admin: Context, make: Make, same_connection: None
) -> None:
    company = await make("crm.company", name="Kan-code")
    owner = await make("core.user", name="Anna Snelling")
    await make(
        "crm.opportunity", name="Deal", company=company, owner=owner, stage="engaging", amount=12
    )
    ctx = replace(admin, translate=catalogue("ru").gettext)
    plan = ctx.site.entity("crm.opportunity")
    data = await export(ctx, plan.name)
    file = read_csv(data)
    wanted = (await suggest(ctx, plan, file)).plan

    report = await dry_run(ctx, plan, file, wanted)

    assert "Название" in data.decode() or "Имя" in data.decode()
    assert {"name", "company", "owner", "stage", "amount"} <= set(wanted.map.values())
    assert (0, 0, 1, ()) == (report.created, report.updated, report.unchanged, report.refused)


async def test_headings_and_cells_of_an_export_are_one_row_each(
    admin: Context, make: Make, same_connection: None
) -> None:
    await make("crm.company", name="A", notes="one\ntwo")
    rows = list(csv.reader(io.StringIO((await export(admin, "crm.company")).decode("utf-8-sig"))))
    assert 2 == len(rows)
    assert len(rows[0]) == len(rows[1]) >= len(admin.site.entity("crm.company").fields)
