"""Tests of authors may move the present moment, for pages too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from crmkit.testing.fixtures import Clock
    from crmkit.testing.sites import Place


async def test_a_moved_clock_moves_what_is_overdue(place: Place, clock: Clock) -> None:
    clock.set(datetime(2031, 3, 4, 9, tzinfo=UTC))
    async with place.start() as running:
        boss = await running.client()
        due = datetime(2031, 3, 5, 9, tzinfo=UTC)
        await running.ctx.create("crm.activity", subject="Call back", due_at=due)
        assert datetime(2031, 3, 4, 9, tzinfo=UTC) == running.ctx.now()
        await boss.get("/?scope=all")
        before = (await boss.get("/?scope=all")).text
        clock.advance(days=3)
        after = (await boss.get("/?scope=all")).text
        assert "Overdue" not in before
        assert "Overdue" in after


async def test_an_unset_clock_is_the_real_one(place: Place, clock: Clock) -> None:
    async with place.start() as running:
        assert abs(datetime.now(UTC) - running.ctx.now()) < timedelta(minutes=1)
    with pytest.raises(ValueError, match="zone"):
        clock.set(datetime(2031, 3, 4))  # noqa: DTZ001 - that it has none is the point
