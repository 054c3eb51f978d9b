"""Filters that plugins add to the lists of others: what they may look at, and what refuses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.errors import HookFailedError
from crmkit.records.filters import Filter
from crmkit.records.query import ListQuery, list_records

if TYPE_CHECKING:
    from crmkit.testing.sites import Place

_CODE = """
from crmkit import Extension, ListFilter, Plugin

PEOPLE = "crm.person"

def _rows(q):
    people = q.rows(PEOPLE, 'p')
    return f"EXISTS (SELECT 1 FROM {people} WHERE p.company = t.id AND {q.test('p.city')})"

class Trial(Plugin):
    def extensions(self):
        yield Extension("crm.company", filters=[
            ListFilter("city", "City of somebody", _rows, [PEOPLE]),
            ListFilter("other", "Other", lambda q: q.rows("crm.lead", "l"), [PEOPLE]),
            ListFilter("listed", "Listed", lambda q: q.rows(PEOPLE, "t"), [PEOPLE]),
            ListFilter("torn", "Torn", lambda q: 1 / 0, [PEOPLE]),
            ListFilter("rubbish", "Rubbish", lambda q: 42, [PEOPLE]),
            ListFilter("away", "Away", _rows, ["nowhere.entity"]),
        ])
        {more}
"""
_MANIFEST = 'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'


async def test_a_filter_of_a_plugin_sees_what_it_named_and_fails_closed(place: Place) -> None:
    place.write("trial", _CODE.replace("{more}", ""), manifest=_MANIFEST)
    async with place.start() as running:
        ctx = running.ctx
        plan = ctx.site.entity("crm.company")
        one = await ctx.create("crm.company", name="Kan-code")
        await ctx.create("crm.company", name="Isdom")
        await ctx.create("crm.person", name="Nina", company=one, city="Bath' OR TRUE --")

        async def found(name: str, op: str, value: str = "") -> list[str]:
            query = ListQuery(filters=(Filter(f"trial.{name}", op, value),))
            return [str(row["name"]) for row in (await list_records(ctx, plan, query)).rows]

        assert ["Kan-code"] == await found("city", "is", "Bath' OR TRUE --")
        assert ["Isdom"] == await found("city", "not", "Bath' OR TRUE --")
        assert ["Isdom"] == await found("city", "empty")
        for name in ("other", "listed", "torn", "rubbish"):
            with pytest.raises(HookFailedError, match="trial"):
                await found(name, "filled")
        client = await running.client()
        page = await client.get("/crm.company?f=trial.city:contains:bath")
        assert "Kan-code" in page.text
        assert "Isdom" not in page.text
        # It waits for its entity, and is not offered meanwhile.
        assert 422 == (await client.get("/crm.company?f=trial.away:filled:")).status_code


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('ListFilter("x", "X", _rows, [])', "names no entity in `reads`"),
        ('ListFilter("x", "X", _rows, [PEOPLE], kind="blob")', "of the kind 'blob'"),
        ('ListFilter("x", "X", _rows, [PEOPLE], operators=["from"])', "is no operator of text"),
        ('ListFilter("x", "X", _rows, [PEOPLE], kind="reference")', "no entity in `reference`"),
        ('ListFilter("city", "X", _rows, [PEOPLE])', "is added by `trial` already"),
    ],
)
async def test_a_filter_that_does_not_fit_is_named(place: Place, more: str, said: str) -> None:
    code = _CODE.replace("{more}", f'yield Extension("crm.company", filters=[{more}])')
    place.write("trial", code, manifest=_MANIFEST)
    async with place.start() as running:
        assert said in running.site.failed["trial"]
