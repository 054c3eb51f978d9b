"""A metric is one number by every door: tile, list behind it, API."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec
import pytest

from crmkit.errors import NotFoundError
from crmkit.model.context import Principal
from crmkit.model.role import Right, Role
from crmkit.records.metrics import metric_filters, metric_values
from crmkit.records.query import count_records
from crmkit.web.list_url import parse_state
from crmkit.web.metric_view import figure_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from crmkit.model.context import Context

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]
    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at_noon(ctx: Context, zone: str = "UTC") -> Context:
    person = replace(ctx.principal, time_zone=zone)
    return replace(ctx, principal=person, clock=lambda: NOW)


async def won(make: Make, day: int, amount: int, currency: str = "USD", **more: object) -> int:
    return await make(
        "crm.opportunity", name="deal", stage="won", amount=Decimal(amount), currency=currency,
        close_date=date(2026, 11, day), **more,
    )  # fmt: skip


async def test_the_list_behind_a_figure_shows_as_many_records(make: Make, act_as: Login) -> None:
    anna, bob = at_noon(await act_as("seller")), await act_as("seller", name="Bob")
    for day in (1, 24):
        await won(make, day, 100, owner=anna.user_id)
    await make("crm.opportunity", name="won before", stage="won", amount=9,
               close_date=date(2026, 10, 31), owner=anna.user_id)  # fmt: skip
    await won(make, 3, 5000, owner=bob.user_id)
    await make("crm.opportunity", name="open", amount=7, owner=anna.user_id)
    await make("crm.lead", name="Nina", owner=anna.user_id)
    for hour, day in ((12, 23), (11, 24)):
        await make("crm.activity", subject="call", owner=anna.user_id,
                   due_at=datetime(2026, 11, day, hour, tzinfo=UTC))  # fmt: skip
    figures = await metric_values(anna, [n for n in anna.site.metrics if n.startswith("crm.")])
    assert {
        "crm.open": (1, Decimal(1)),
        "crm.pipeline": (1, Decimal(7)),
        "crm.won_this_month": (2, Decimal(200)),
        "crm.leads_without_step": (1, Decimal(1)),
        "crm.late_activities": (1, Decimal(1)),
    } == {name: (figure.count, figure.value) for name, figure in figures.items()}
    for figure in figures.values():
        path, _mark, query = figure_url(figure).partition("?")
        plan = anna.site.entity(figure.entity)
        state = parse_state(path, parse_qsl(query, keep_blank_values=True))
        assert figure.count == (await count_records(anna, plan, state.query(plan))).number


async def test_other_currencies_are_not_added_up(make: Make, admin: Context) -> None:
    for amount, currency in ((100, "USD"), (7, "EUR")):
        await won(make, 2, amount, currency)
    figure = (await metric_values(at_noon(admin), ["crm.won_this_month"]))["crm.won_this_month"]
    assert (Decimal(100), "USD", {"EUR": Decimal(7)}, 2) == (
        figure.value, figure.currency, figure.others, figure.count,
    )  # fmt: skip


async def test_days_are_those_of_the_reader(make: Make, admin: Context) -> None:
    metric = admin.site.metrics["crm.late_activities"]
    new_year = replace(at_noon(admin), clock=lambda: datetime(2026, 12, 31, 20, tzinfo=UTC))
    vladivostok = replace(new_year, principal=at_noon(admin, "Asia/Vladivostok").principal)
    assert "2026-12-31" == metric_filters(new_year, metric)[-1].value
    assert "2027-01-01" == metric_filters(vladivostok, metric)[-1].value
    await make("crm.activity", subject="call", due_at=datetime(2026, 12, 31, 13, tzinfo=UTC))
    name = "crm.late_activities"
    assert 0 == (await metric_values(new_year, [name]))[name].count
    assert 1 == (await metric_values(vladivostok, [name]))[name].count


async def test_all_figures_of_a_page_are_one_statement(
    admin: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    rows = admin.db.rows

    async def noted(sql: str, *args: object) -> object:
        asked.append(sql)
        return await rows(sql, *args)

    monkeypatch.setattr(admin.db, "rows", noted)
    await metric_values(admin, admin.site.metrics)
    assert 1 == len(asked)


async def test_who_may_not_read_an_entity_gets_no_figure_of_it(admin: Context) -> None:
    role = Role("leads", "Leads", (Right("crm.lead", "read", "all"),))
    ctx = replace(admin, principal=Principal(None, "", role))
    assert ["crm.leads_without_step"] == list(await metric_values(ctx, ctx.site.metrics))
    with pytest.raises(NotFoundError):
        await metric_values(ctx, ["crm.nothing"])


async def test_the_home_page_shows_the_figures(make: Make, browse: Browse) -> None:
    boss = await browse("administrator")
    assert 'class="tile' not in (await boss.get("/?scope=all")).text
    await make("crm.opportunity", name="open", amount=7000)
    page = (await boss.get("/?scope=all")).text
    assert "Value of open opportunities" in page
    assert "$7,000" in page
    assert "/crm.opportunity?f=stage%3Ain%3Aprospecting" in page


async def test_the_api_answers_metrics(make: Make, browse: Browse) -> None:
    await make("crm.opportunity", name="open", amount=7000)
    boss, nobody = await browse("administrator"), await browse("")
    found = msgspec.json.decode((await boss.get("/api/v1/metrics/crm.pipeline")).content)
    assert ("7000.00", "USD", 1) == (found["value"], found["currency"], found["count"])
    listed = msgspec.json.decode((await boss.get(found["list"])).content)
    assert 1 == len(listed["rows"])
    every = msgspec.json.decode((await boss.get("/api/v1/metrics")).content)["rows"]
    assert found in every
    assert 404 == (await boss.get("/api/v1/metrics/crm.none")).status_code
    assert 401 == (await nobody.get("/api/v1/metrics")).status_code
