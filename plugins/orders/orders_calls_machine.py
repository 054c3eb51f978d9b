"""A blanket order that is called off, amended, cancelled and raised, beside a plain model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from crmkit.errors import CrmkitError
from crmkit.records.actions import run_action

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

AGREEMENT, AGREED = "orders.agreement", "orders.agreement_line"
ORDER, LINE = "orders.order", "orders.order_line"
PICK, COUNT = st.integers(0, 99), st.integers(1, 12)


@dataclass
class PlainCall:
    """An order with one line of the agreement."""

    quantity: int
    confirmed: int | None = None
    is_cancelled: bool = False

    @property
    def firm(self) -> int:
        """What it takes."""
        return 0 if self.is_cancelled else self.confirmed or 0


class Calls(RuleBasedStateMachine):
    """All that happens to one line of a blanket order, one thing after another."""

    running: Running
    loop: asyncio.AbstractEventLoop
    db: Database

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        return self.loop.run_until_complete(work)

    @initialize(agreed=COUNT)
    def begin(self, agreed: int) -> None:
        self.ctx: Context = replace(self.running.ctx, db=self.db)
        self.agreed, self.orders = agreed, dict[int, PlainCall]()
        self.run(self._begin())

    async def _begin(self) -> None:
        for table in ("orders_order", "orders_agreement", "orders_product"):
            await self.db.execute(f"DELETE FROM {table}")
        ctx = self.ctx
        company = await ctx.create("crm.company", name="Kan-code")
        self.kit = await ctx.create(
            "orders.product", name="Kit", price=Decimal(9), currency="EUR", tax_rate=Decimal(0)
        )
        today = ctx.now().date()
        self.agreement = await ctx.create(
            AGREEMENT, company=company, currency="EUR", owner=9001,
            valid_until=today + timedelta(days=90),
        )  # fmt: skip
        self.line = await ctx.create(
            AGREED, agreement=self.agreement, product=self.kit, quantity=Decimal(self.agreed),
            unit_price=Decimal(7),
        )  # fmt: skip
        await ctx.save(AGREEMENT, self.agreement, state="running")
        self.company = company

    @property
    def called(self) -> int:
        return sum(each.firm for each in self.orders.values())

    async def act(self, name: str, record: int, **raw: Any) -> int:  # noqa: ANN401
        entity, _slash, action = name.partition("/")
        result = await run_action(self.ctx, self.ctx.site.entity(entity), action, record, raw)
        return int(result.url.rpartition("/")[2])

    def same(self, work: Coroutine[Any, Any, Any], *, allowed: bool) -> None:
        async def do() -> None:
            try:
                async with self.db.transaction():
                    await work
            except CrmkitError:
                assert not allowed
            else:
                assert allowed

        self.run(do())

    def pick(self, pick: int) -> tuple[int, PlainCall]:
        number = sorted(self.orders)[pick % len(self.orders)]
        return number, self.orders[number]

    async def line_of(self, order: int) -> int:
        return int(
            await self.db.value('SELECT id FROM orders_order_line WHERE "order" = $1', order)
        )

    @rule(count=COUNT)
    def call(self, count: int) -> None:
        async def do() -> None:
            order = await self.act(
                "orders.agreement/call-off", self.agreement,
                quantities={str(self.line): str(count)},
            )  # fmt: skip
            self.orders[order] = PlainCall(count)

        self.same(do(), allowed=count <= self.agreed - self.called)

    @rule(count=COUNT)
    def enter(self, count: int) -> None:
        """By hand: a line is of the blanket order as far as something is left."""

        async def do() -> None:
            order = await self.ctx.create(ORDER, company=self.company, currency="EUR", owner=9001)
            line = await self.ctx.create(
                LINE, order=order, product=self.kit, quantity=Decimal(count)
            )
            stored = await self.ctx.get(LINE, line)
            is_agreed = count <= self.agreed - self.called
            assert is_agreed == (stored["agreement_line"] == self.line)
            assert (7 if is_agreed else 9) == stored["unit_price"]
            if is_agreed:
                self.orders[order] = PlainCall(count)

        self.same(do(), allowed=True)

    @precondition(lambda self: self.orders)
    @rule(pick=PICK)
    def confirm(self, pick: int) -> None:
        number, order = self.pick(pick)
        is_draft = order.confirmed is None and not order.is_cancelled
        allowed = is_draft and order.quantity <= self.agreed - self.called
        self.same(self.act("orders.order/confirm", number), allowed=allowed)
        if allowed:
            order.confirmed = order.quantity

    @precondition(lambda self: self.orders)
    @rule(pick=PICK, count=COUNT)
    def change(self, pick: int, count: int) -> None:
        number, order = self.pick(pick)

        async def do() -> None:
            await self.ctx.save(LINE, await self.line_of(number), quantity=Decimal(count))

        self.same(do(), allowed=not order.is_cancelled)
        if not order.is_cancelled:
            order.quantity = count

    @precondition(lambda self: self.orders)
    @rule(pick=PICK)
    def confirm_changes(self, pick: int) -> None:
        number, order = self.pick(pick)
        is_amended = bool(order.firm) and order.quantity != order.confirmed
        rest = self.agreed - (self.called - order.firm)
        allowed = is_amended and order.quantity <= max(rest, order.firm)
        self.same(self.act("orders.order/confirm-changes", number), allowed=allowed)
        if allowed:
            order.confirmed = order.quantity

    @precondition(lambda self: self.orders)
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        number, order = self.pick(pick)
        self.same(
            self.act("orders.order/cancel", number, reason="x"), allowed=not order.is_cancelled
        )
        order.is_cancelled = True

    @rule(more=COUNT)
    def agree_on_more(self, more: int) -> None:
        self.agreed += more
        raised = {str(self.line): str(self.agreed)}
        self.same(
            self.act("orders.agreement/raise", self.agreement, quantities=raised), allowed=True
        )

    @invariant()
    def what_is_called_off_is_what_was_confirmed(self) -> None:
        if not hasattr(self, "line"):
            return
        row = self.run(
            self.db.row(
                "SELECT l.called, l.remaining, a.net_left FROM orders_agreement_line l "
                "JOIN orders_agreement a ON a.id = l.agreement WHERE l.id = $1",
                self.line,
            )
        )
        assert (self.called, self.agreed - self.called) == (row["called"] or 0, row["remaining"])
        assert 7 * (self.agreed - self.called) == row["net_left"]
        assert self.called <= self.agreed
