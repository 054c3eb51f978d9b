from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from crmkit.errors import ForbiddenError, InvalidError
from crmkit.model.context import Principal
from crmkit.records.csv_file import read_csv
from crmkit.records.import_plan import ImportPlan, fill
from crmkit.records.import_suggest import suggest
from crmkit.records.import_values import date_order
from crmkit.records.imports import dry_run, run_import

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from crmkit.model.context import Context
    from crmkit.model.role import Role
    from crmkit.records.import_plan import ImportReport

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]


async def bring(ctx: Context, entity: str, text: str, **plan: Any) -> ImportReport:  # noqa: ANN401
    return await run_import(ctx, ctx.site.entity(entity), read_csv(text.encode()), plan_of(plan))


def plan_of(plan: dict[str, Any]) -> ImportPlan:
    return ImportPlan(**plan)


async def test_a_dry_run_says_the_same_as_the_run_and_writes_nothing(admin: Context) -> None:
    plan, file = admin.site.entity("crm.company"), read_csv(b"name,founded\nA,1999\nB,x\n")
    wanted = ImportPlan({"name": "name", "founded": "founded"})
    before = await dry_run(admin, plan, file, wanted)
    number = await admin.db.value("SELECT count(*) FROM crm_company")
    after = await run_import(admin, plan, file, wanted)

    assert 0 == number
    assert (1, 1) == (before.created, before.left_out)
    assert before.columns == after.columns
    assert before.refused == after.refused


async def test_what_may_not_be_changed_does_not_show_in_the_counts(
    admin: Context, make: Make, act_as: Login, roles: Mapping[str, Role]
) -> None:
    stranger = await make("core.user", name="Bob")
    await make("crm.opportunity", name="Secret", amount=5, owner=stranger)
    anna = await act_as("manager")

    same = await bring(
        anna, "crm.opportunity", "n,a\nSecret,5\n", map={"n": "name", "a": "amount"}, key="name"
    )

    assert (1, 0, 0) == (same.created, same.updated, same.unchanged)


async def test_a_number_of_somebody_elses_record_is_refused(
    admin: Context, make: Make, act_as: Login
) -> None:
    text = "id,n\n7,Deal\n"
    stranger = await make("core.user", name="Bob")
    wanted = {"map": {"n": "name"}, "external": "id", "constants": {"owner": "Bob"}}
    await bring(admin, "crm.opportunity", text, **wanted)
    anna = await act_as("manager")

    report = await bring(anna, "crm.opportunity", text, map={"n": "name"}, external="id")

    assert stranger
    assert ["is the number of a record you may not change"] == [
        each.reason for each in report.refused
    ]


async def test_importing_needs_the_right(admin: Context, roles: Mapping[str, Role]) -> None:
    seller = replace(admin, principal=Principal(1, "Anna", roles["seller"]))
    with pytest.raises(ForbiddenError, match="does not allow"):
        await bring(seller, "crm.company", "name\nA\n", map={"name": "name"})


@pytest.mark.parametrize(
    ("plan", "place"),
    [
        ({"map": {"nome": "name"}}, "nome"),
        ({"map": {"name": "nome"}}, "nome"),
        ({"map": {"name": "created_at"}}, "created_at"),
        ({"map": {"name": "name"}, "external": "id"}, "id"),
        ({"map": {"name": "name"}, "templates": {"city": "{nome}"}}, "nome"),
        ({"map": {"name": "name"}, "constants": {"name": "A"}}, "name"),
        ({"map": {"name": "name"}, "key": "city"}, "city"),
        ({"map": {}}, ""),
    ],
)
async def test_a_plan_that_does_not_fit_names_the_place(
    admin: Context, plan: dict[str, Any], place: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        await bring(admin, "crm.company", "name\nA\n", **plan)
    assert [place] == list(caught.value.problems)


async def test_the_same_key_twice_counts_once_and_is_told(admin: Context) -> None:
    report = await bring(
        admin, "core.team", "office\nCentral\nEast\ncentral\n", map={"office": "name"}, key="name"
    )
    assert (2, 1, 0) == (report.created, report.repeated, report.left_out)


async def test_a_parent_further_down_the_file_is_found(admin: Context) -> None:
    report = await bring(
        admin,
        "crm.company",
        "n,p\nChild,Mother\nMother,\nOrphan,Nobody\n",
        map={"n": "name", "p": "parent"},
        key="name",
    )
    parents = await admin.db.rows(
        "SELECT c.name FROM crm_company c JOIN crm_company p ON p.id = c.parent"
    )
    assert ["Child"] == [row["name"] for row in parents]
    assert (3, 0, 0) == (report.created, report.updated, report.left_out)
    assert [(4, True)] == [(each.line, each.written) for each in report.refused]


async def test_a_name_two_records_share_is_not_guessed(admin: Context, make: Make) -> None:
    await make("crm.company", name="Twin")
    await make("crm.company", name="Twin")
    report = await bring(admin, "crm.person", "n,c\nAnna,Twin\n", map={"n": "name", "c": "company"})
    assert ["names more than one record; write which one"] == [e.reason for e in report.refused]


async def test_missing_teams_are_made_once_and_undone_with_the_import(admin: Context) -> None:
    report = await bring(
        admin,
        "core.user",
        "n,t\nA,East\nB,East\n",
        map={"n": "name", "t": "team"},
        unknown={"team": "create"},
    )
    journal = await admin.db.rows(
        "SELECT entity, count(*) AS number FROM core_journal WHERE operation = $1 "
        "GROUP BY 1 ORDER BY 1",
        report.operation,
    )
    assert {"core.team": 1, "core.user": 2} == {row["entity"]: row["number"] for row in journal}
    assert {"East": 2} == report.columns["t"].made


async def test_an_empty_cell_does_not_clear(admin: Context, make: Make) -> None:
    await make("crm.company", name="A", city="Bonn")
    report = await bring(
        admin, "crm.company", "n,c\nA,\n", map={"n": "name", "c": "city"}, key="name"
    )
    assert (0, 1) == (report.updated, report.unchanged)


def test_a_template_puts_in_columns_and_nothing_else() -> None:
    cells = {"a": "x", "b c": "{a}"}
    assert "x {a} ." == fill("{a}  {b c} {a.__class__}{0}.", cells)


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["2017-03-01"], "iso"),
        (["3/1/2017", "10/20/2016"], "mdy"),
        (["20/10/2016", "1/3/2017"], "dmy"),
        (["01.03.2017"], "dmy"),
    ],
)
def test_the_order_of_dates_is_found_from_all_of_them(texts: list[str], order: str) -> None:
    assert order == date_order(texts)


def test_dates_that_fit_both_orders_are_asked_for() -> None:
    with pytest.raises(InvalidError, match="Choose the order"):
        date_order(["1/2/2017", "3/4/2017"])


async def test_columns_are_told_by_their_values_when_headings_say_nothing(
    admin: Context, make: Make
) -> None:
    await make("core.user", name="Anna Snelling")
    await make("crm.company", name="Kan-code")
    text = "x1,x2,x3,x4_id\n" + "".join(
        f"Anna Snelling,Kan-code,{('Won', 'Lost')[n % 2]},N{n}\n" for n in range(4)
    )
    found = await suggest(admin, admin.site.entity("crm.opportunity"), read_csv(text.encode()))
    assert {"x1": "owner", "x2": "company", "x3": "stage"} == found.plan.map
    assert "x4_id" == found.plan.external
    assert {"name": "{x2}"} == found.plan.templates
