"""Hooks about people: what they have planned, what they hold, and who takes it over."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from crmkit import capacity_of
from crmkit.errors import InvalidError, Veto
from crmkit.records.actions import run_action
from crmkit.records.history import undo_operation
from crmkit.records.holding import held_by

if TYPE_CHECKING:
    from crmkit.testing.sites import Place, Running

_MANIFEST = 'id = "every"\nname = "Every"\nversion = "{0}"\ncrmkit = ">=1"\n{1}'


def _module(running: Running) -> dict[str, list[object]]:
    plugin = running.site.hooks.plugins["every"]
    found: dict[str, list[object]] = vars(__import__(type(plugin).__module__, fromlist=["told"]))
    return found


async def test_hook_load(place: Place) -> None:
    code = (
        "class Every(Plugin):\n"
        "    async def load(self, event):\n"
        "        return {event.first: 60, event.last: 5000}\n"
    )
    place.write("every", code, manifest=_MANIFEST.format("1", "default = true\n"))
    broken = "class Torn(Plugin):\n    async def load(self, event):\n        return 'much'\n"
    place.write("torn", broken, manifest=_MANIFEST.format("1", "default = true\n").replace(
        '"every"', '"torn"').replace('"Every"', '"Torn"'))  # fmt: skip
    async with place.start() as running:
        user = await running.ctx.create("core.user", name="Eva", role="seller")
        first, last = date(2027, 1, 4), date(2027, 1, 6)
        days = await capacity_of(running.ctx, user, first, last)
        assert [first, date(2027, 1, 5), last] == list(days)
        assert [480, 540, 0] == [each.free for each in days.values()], "at most the whole day"
        await running.ctx.create("core.absence", absentee=user, kind="leave", first_day=first)
        assert 0 == (await capacity_of(running.ctx, user, first, first))[first].working


async def test_hook_holds(place: Place) -> None:
    code = (
        "class Every(Plugin):\n"
        "    async def holds(self, event):\n"
        "        return {'Points': 3, 'Companies': 1, 'Nothing': 0}\n"
    )
    place.write("every", code, manifest=_MANIFEST.format("1", "default = true\n"))
    broken = "class Torn(Plugin):\n    async def holds(self, event):\n        return 'much'\n"
    place.write("torn", broken, manifest=_MANIFEST.format("1", "default = true\n").replace(
        '"every"', '"torn"').replace('"Every"', '"Torn"'))  # fmt: skip
    async with place.start() as running:
        ctx = running.ctx
        eva = await ctx.create("core.user", name="Eva", role="seller", active=True)
        for state in ("new", "disqualified"):
            lead = await ctx.create("crm.lead", name="Pat Baum", owner=eva)
            if state != "new":
                await ctx.save("crm.lead", lead, state=state, reason="budget")
        await ctx.trash("crm.lead", await ctx.create("crm.lead", name="Gone", owner=eva))
        await ctx.create("crm.company", name="Kan-code", owner=eva)
        held = await held_by(ctx, eva)
        assert {"Companies": 2, "Leads": 1, "Points": 3} == held, "what is closed is not held"
        assert ["Companies", "Leads", "Points"] == list(held)


_HANDED = """
told = []


class Every(Plugin):
    async def handover(self, event):
        told.append((event.user_id, event.deputy, event.is_leaving))
        if event.deputy in told:
            raise Veto("Not to this one.")
        return {"Companies": 2}
"""


async def test_hook_handover(place: Place) -> None:
    place.write("every", _HANDED, manifest=_MANIFEST.format("1", "default = true\n"))
    async with place.start() as running:
        ctx, told = running.ctx, _module(running)["told"]
        names = ("Eva", "Max", "Ida")
        eva, deputy, other = [
            await ctx.create("core.user", name=name, email=f"{name}@example.org", role="seller")
            for name in names
        ]
        today = ctx.now().astimezone(ctx.config.zone).date()
        absence = {"absentee": eva, "kind": "leave", "deputy": deputy}
        later = await ctx.create(
            "core.absence", first_day=today + timedelta(days=9), last_day=None, **absence
        )
        await running.work()
        assert [] == told, "it has not begun"
        await ctx.trash("core.absence", later)
        await ctx.create("core.absence", first_day=today, last_day=today, **absence)
        await running.work()
        await running.work()
        assert [(eva, deputy, False)] == told
        count = "SELECT count(*) FROM core_notification WHERE kind = 'core.handover'"
        assert 1 == await running.db.value(count)
        company = await ctx.create("crm.company", name="Kan-code", owner=eva)
        users = ctx.site.entity("core.user")
        told.append(other)
        with pytest.raises(Veto, match="Not to this one"):
            await run_action(ctx, users, "hand-over", eva, {"to": "Ida", "disable": "true"})
        assert eva == (await ctx.get("crm.company", company))["owner"], "all of it or nothing"
        with pytest.raises(InvalidError):
            await run_action(ctx, users, "hand-over", eva, {"to": "Eva"})
        client = await running.client()
        assert "Who takes over" in (await client.get(f"/core.user/{eva}")).text.replace(
            "E-mail or name of who takes over", "Who takes over"
        )
        done = await run_action(
            ctx, users, "hand-over", eva, {"to": "max@example.org", "disable": "true"}
        )
        assert deputy == (await ctx.get("crm.company", company))["owner"]
        assert not (await ctx.get("core.user", eva))["active"]
        assert (eva, deputy, True) == told[-1]
        await undo_operation(ctx, done.operation)
        assert eva == (await ctx.get("crm.company", company))["owner"]
        assert (await ctx.get("core.user", eva))["active"]
