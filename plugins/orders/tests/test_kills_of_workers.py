"""TRUST D2: what orders leave to workers is done once, however often those are killed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from email import message_from_bytes
from typing import TYPE_CHECKING

import pytest

from crmkit.work.mail_accounts import save_account
from tests.work.mail.test_sending import Desk, serving
from tests.work.working import work_while_killed

if TYPE_CHECKING:
    from conftest import Act, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:.*Session.login_data:DeprecationWarning"),
]
#: Kills; orders that are confirmed and printed after each; weeks that a recurring one missed.
KILLS, ORDERS, WEEKS = 100, 3, 120


async def test_mails_documents_and_recurring_orders_are_made_once(
    site: Running, ctx: Context, shop: dict[str, int], act: Act, draft: Draft
) -> None:
    source = await draft(kit=0, note="Weekly")
    first = ctx.now().date() - timedelta(weeks=WEEKS - 1)
    plan = await ctx.create(
        "orders.plan", name="Weekly", order=source, every="week", next_on=first, is_active=True
    )
    orders: list[int] = []

    async def more() -> None:
        for _ in range(ORDERS):
            order = await draft(kit=0)
            await act("orders.order/confirm", order)
            await act("orders.order/confirmation", order)
            orders.append(order)
        await ctx.enqueue("orders.repeat", key="repeat")

    desk = Desk(slow="0.02")
    async with serving(desk) as smtp:
        await _account(ctx, smtp.port)
        try:
            kills = await work_while_killed(site, 1800, least=KILLS, more=more)
        finally:
            await ctx.db.execute("DELETE FROM core_mail_account")
    attempts = await ctx.db.value("SELECT count(*) FROM core_job WHERE attempts > 1")
    mails = await _check_mails(ctx, desk, orders, kills)
    print(  # noqa: T201 - the figures
        f"kills {kills}, orders {len(orders)}, mails {mails}, jobs tried again {attempts}"
    )
    papers = await ctx.db.rows(
        "SELECT record, state, digest FROM core_document WHERE name = 'orders.confirmation'"
    )
    assert sorted(orders) == sorted(row["record"] for row in papers)
    assert {"made"} == {row["state"] for row in papers}
    assert all(row["digest"] for row in papers)
    repeated = "SELECT count(*) FROM orders_order WHERE note = 'Weekly' AND id <> $1"
    assert WEEKS == await ctx.db.value(repeated, source)
    assert ctx.now().date() >= (await ctx.get("orders.plan", plan))["last_on"]
    assert 0 == await ctx.db.value("SELECT count(*) FROM core_job WHERE state = 'dead'")


async def _account(ctx: Context, port: int) -> None:
    await ctx.db.execute("DELETE FROM core_mail_account")
    await save_account(
        ctx,
        {"address": "desk@example.org", "smtp_host": "127.0.0.1", "smtp_port": str(port),
         "smtp_tls": "plain", "shared": "1", "sends_notices": "1"},
    )  # fmt: skip


async def _check_mails(ctx: Context, desk: Desk, orders: list[int], kills: int) -> Counter[str]:
    """Each client is thanked once; what a killed worker may have sent is said to be unclear."""
    rows = await ctx.db.rows(
        "SELECT m.state, m.message_id FROM core_message m "
        "JOIN core_message_link l ON l.message = m.id AND l.entity = 'orders.order' "
        "WHERE l.record = ANY($1)",
        orders,
    )
    assert len(orders) == len(rows)
    states = Counter(str(row["state"]) for row in rows)
    assert {"sent", "unclear"} >= set(states)
    assert states["unclear"] <= kills
    arrived = Counter(
        str(message_from_bytes(each.content)["Message-ID"]).strip("<>")
        for each in desk.kept
        if isinstance(each.content, bytes)
    )
    assert {1} == set(arrived.values())
    sent = {row["message_id"].strip("<>") for row in rows if row["state"] == "sent"}
    assert sent <= set(arrived)
    return states
