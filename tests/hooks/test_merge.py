"""What plugins say when two records become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.errors import HookFailedError, Veto
from crmkit.records.history import undo_operation
from crmkit.records.merge import merge_records

if TYPE_CHECKING:
    from crmkit.testing.sites import Place

_MANIFEST = 'id = "trial"\nname = "Billing"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_BEFORE = """
class Trial(Plugin):
    async def before_merge(self, event):
        kept = await event.ctx.get(event.entity.name, event.kept)
        gone = await event.ctx.get(event.entity.name, event.gone)
        if kept["country"] != gone["country"]:
            raise Veto("Their tax numbers differ", country="differs")
        if kept["city"] == "Nowhere":
            raise LookupError("Nowhere")
"""
_AFTER = """
class Trial(Plugin):
    async def after_merge(self, event):
        kept = await event.ctx.get(event.entity.name, event.kept)
        gone = await event.ctx.get(event.entity.name, event.gone)
        people = await event.ctx.db.value(
            "SELECT count(*) FROM crm_person WHERE company = $1", event.kept)
        assert gone["trashed_at"] is not None
        notes = f"{gone['name']} came in with {people}"
        await event.ctx.save(event.entity.name, event.kept, notes=notes)
"""


async def test_hook_before_merge(place: Place) -> None:
    place.write("trial", _BEFORE, _MANIFEST)
    async with place.start() as running:
        ctx = running.ctx
        plan = ctx.site.entity("crm.company")
        one = await ctx.create("crm.company", name="A", country="Germany")
        two = await ctx.create("crm.company", name="B", country="France")
        three, four = [
            await ctx.create("crm.company", name=name, country="France", city="Nowhere")
            for name in "CD"
        ]
        before = await running.digest()
        with pytest.raises(Veto, match="tax numbers") as refused:
            await merge_records(ctx, plan, one, two)
        assert {"country": "differs"} == refused.value.problems
        with pytest.raises(HookFailedError):
            await merge_records(ctx, plan, three, four)
        assert before == await running.digest()
        await merge_records(ctx, plan, two, three)
        assert "B" == (await ctx.get("crm.company", two))["name"]


async def test_hook_after_merge(place: Place) -> None:
    place.write("trial", _AFTER, _MANIFEST)
    async with place.start() as running:
        ctx = running.ctx
        kept, gone = [await ctx.create("crm.company", name=name) for name in "AB"]
        await ctx.create("crm.person", name="Tom", company=gone)
        operation = await merge_records(ctx, ctx.site.entity("crm.company"), kept, gone)
        assert "B came in with 1" == (await ctx.get("crm.company", kept))["notes"]
        # What it wrote through the context is undone with the rest.
        assert () == (await undo_operation(ctx, operation)).kept
        assert "" == (await ctx.get("crm.company", kept))["notes"]
