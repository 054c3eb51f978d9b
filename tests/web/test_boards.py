"""What a board and a page say of open records."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Browse, Make


async def test_a_board_with_chances_says_what_is_likely(browse: Browse, make: Make) -> None:
    await make("crm.opportunity", name="Desks", stage="prospecting", amount=Decimal(100))
    page = await (await browse("administrator")).get("/crm.opportunity/board")
    assert "$100 open, $20 weighted" in page.text


async def test_an_open_record_without_a_step_is_warned_of(browse: Browse, make: Make) -> None:
    deal = await make("crm.opportunity", name="Desks", stage="prospecting")
    client = await browse("administrator")
    assert "No next step" in (await client.get(f"/crm.opportunity/{deal}")).text
