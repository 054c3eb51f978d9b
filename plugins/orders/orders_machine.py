"""Quotes, orders, deliveries, returns, receipts and stock, driven beside a plain model."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit_orders.quoting import accept_quote
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from orders_model import (
    ENDLESS,
    PRICES,
    RATES,
    TAKES,
    PlainLine,
    PlainOrder,
    PlainReceipt,
    PlainShop,
)

from crmkit.errors import CrmkitError
from crmkit.records.actions import run_action

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Coroutine

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

ORDER, LINE, QUOTE = "orders.order", "orders.order_line", "orders.quote"
_KEPT = (
    "orders_order", "orders_order_line", "orders_product", "orders_delivery", "orders_step",
    "orders_delivery_line", "orders_receipt", "core_message",
)  # fmt: skip
PICK, COUNT = st.integers(0, 99), st.integers(1, 6)
#: States in which lines can change, and how seldom something is tried that likely is refused.
OPEN = frozenset({"draft", "confirmed", "in_progress"})
_SELDOM = 6
LINES = st.lists(
    st.tuples(st.sampled_from(sorted(TAKES)), COUNT, st.sampled_from(["0", "10", "33.3333"])),
    min_size=1, max_size=3,
)  # fmt: skip


class Orders(RuleBasedStateMachine):
    """All that happens to orders, one thing after another."""

    running: Running
    loop: asyncio.AbstractEventLoop
    db: Database

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        return self.loop.run_until_complete(work)

    @initialize(pro=COUNT, kit=COUNT)
    def begin(self, pro: int, kit: int) -> None:
        self.ctx: Context = replace(self.running.ctx, db=self.db)
        self.model, self.orders = PlainShop(), dict[int, PlainOrder]()
        #: Quotes to their orders, returns that came back, and receipts.
        self.accepted, self.came_back = dict[int, int](), list[int]()
        self.receipts = dict[int, PlainReceipt]()
        self.run(self._clean())
        for product, count in (("pro", pro), ("kit", kit)):
            self.count(product, 4 + count)
        # Most of what can happen needs an order that was confirmed.
        self.order([("pro", 2, "0"), ("set", 1, "10"), ("air", 3, "33.3333")], is_quoted=True)
        self.confirm(0)

    async def _clean(self) -> None:
        for table in ("orders_delivery", "orders_receipt", "orders_order", "orders_quote",
                      "core_message", "orders_product"):  # fmt: skip
            await self.db.execute(f"DELETE FROM {table}")
        self.products: dict[str, int] = {}
        for name in TAKES:
            self.products[name] = await self.ctx.create(
                "orders.product", name=name, price=PRICES[name], tax_rate=RATES[name],
                currency="EUR", kind="bundle" if name == "set" else "goods",
                is_stocked=name != "set", may_go_negative=name in ENDLESS,
            )  # fmt: skip
        for name, count in TAKES["set"].items():
            await self.ctx.create(
                "orders.bundle_part", bundle=self.products["set"], product=self.products[name],
                quantity=Decimal(count),
            )  # fmt: skip
        self.client = {
            "company": await self.ctx.create("crm.company", name="Kan-code"),
            "person": await self.ctx.create("crm.person", name="Tom", email="tom@example.com"),
            "currency": "EUR",
            "owner": 9001,
        }

    async def act(self, name: str, record: int, /, **raw: str) -> int:
        entity, _slash, action = name.partition("/")
        result = await run_action(self.ctx, self.ctx.site.entity(entity), action, record, raw)
        return int(result.url.rpartition("/")[2])

    def same(self, work: Awaitable[Any], *, allowed: bool = True) -> None:
        """Do it: it goes where the model lets it, else it is refused and nothing changes."""

        async def do() -> None:
            before = None if allowed else await self._digest()
            try:
                async with self.db.transaction():
                    await work
            except CrmkitError:
                assert not allowed
                assert before == await self._digest()
            else:
                assert allowed

        self.run(do())

    async def _digest(self) -> dict[str, str]:
        return await replace(self.running, db=self.db).digest(*_KEPT)

    def pick(
        self, pick: int, likely: Callable[[PlainOrder], object] = bool
    ) -> tuple[int, PlainOrder]:
        """Choose an order; in most cases one with which something likely goes."""
        numbers = sorted(self.orders)
        if pick % _SELDOM:
            numbers = [each for each in numbers if likely(self.orders[each])] or numbers
        number = numbers[pick % len(numbers)]
        return number, self.orders[number]

    @rule(product=st.sampled_from(["pro", "kit"]), count=st.integers(0, 12))
    def count(self, product: str, count: int) -> None:
        self.model.on_hand[product] = count
        self.same(self.act("orders.product/count", self.products[product], on_hand=str(count)))

    @rule(product=st.sampled_from(["pro", "kit"]), count=COUNT, come=COUNT)
    def expect(self, product: str, count: int, come: int) -> None:
        async def do() -> None:
            receipt = await self.ctx.create("orders.receipt")
            await self.ctx.create(
                "orders.receipt_line", receipt=receipt, product=self.products[product],
                expected=Decimal(count),
            )  # fmt: skip
            self.receipts[receipt] = PlainReceipt(product, count)

        self.same(do())
        self.receive(len(self.receipts) - 1, come)

    @precondition(lambda self: self.receipts)
    @rule(pick=PICK, come=COUNT)
    def receive(self, pick: int, come: int) -> None:
        numbers = list(self.receipts)
        if pick % _SELDOM:
            numbers = [n for n in numbers if self.receipts[n].state != "received"] or numbers
        number = numbers[pick % len(numbers)]
        allowed = self.model.receive(self.receipts[number], come)
        self.same(self.act("orders.receipt/receive", number, counts=str(come)), allowed=allowed)

    @rule(lines=LINES, is_quoted=st.booleans())
    def order(self, lines: list[tuple[str, int, str]], *, is_quoted: bool) -> None:
        async def do() -> None:
            entity, column = (QUOTE, "quote") if is_quoted else (ORDER, "order")
            made = await self.ctx.create(entity, **self.client)
            for place, (product, count, discount) in enumerate(lines):
                await self.ctx.create(
                    f"{entity}_line", product=self.products[product], quantity=Decimal(count),
                    discount=Decimal(discount), position=place, **{column: made},
                )  # fmt: skip
            if is_quoted:
                quote, made = made, await self.act("orders.quote/accept", made, name="Tom")
                self.accepted[quote] = made
            rows = await self.db.rows(
                'SELECT id FROM orders_order_line WHERE "order" = $1 ORDER BY position', made
            )
            self.orders[made] = PlainOrder(
                {
                    row["id"]: PlainLine(product, count, Decimal(discount))
                    for row, (product, count, discount) in zip(rows, lines, strict=True)
                }
            )

        self.same(do())

    @precondition(lambda self: self.accepted)
    @rule(pick=PICK)
    def accept_again(self, pick: int) -> None:
        quote = list(self.accepted)[pick % len(self.accepted)]

        async def do() -> None:
            before = await self._digest()
            assert self.accepted[quote] == await accept_quote(self.ctx, quote, "Ann", "192.0.2.1")
            assert before == await self._digest()

        self.same(do())

    @precondition(lambda self: self.orders)
    @rule(pick=PICK)
    def confirm(self, pick: int) -> None:
        number, order = self.pick(pick, lambda each: each.state == "draft" or each.is_amended)
        action = "confirm" if order.state == "draft" else "confirm-changes"
        self.same(self.act(f"{ORDER}/{action}", number), allowed=self.model.confirm(order))

    @precondition(lambda self: self.orders)
    @rule(pick=PICK, line=PICK, count=COUNT, discount=st.sampled_from(["0", "10"]))
    def change(self, pick: int, line: int, count: int, discount: str) -> None:
        _number, order = self.pick(pick, lambda each: each.state in OPEN)
        live = [each for each, plain in order.lines.items() if not plain.is_gone]
        if not live:
            return
        record = live[line % len(live)]
        plain = order.lines[record]
        is_open = order.state in OPEN
        is_same = (plain.quantity, plain.discount) == (count, Decimal(discount))
        allowed = is_same or (is_open and count >= plain.cancelled + plain.kept)
        if is_same and not is_open:
            return  # whether nothing is a change is none of the rules
        self.same(
            self.ctx.save(LINE, record, quantity=Decimal(count), discount=Decimal(discount)),
            allowed=allowed,
        )
        if allowed:
            plain.quantity, plain.discount = count, Decimal(discount)

    @precondition(lambda self: self.orders)
    @rule(pick=PICK, line=PICK)
    def remove(self, pick: int, line: int) -> None:
        _number, order = self.pick(pick, lambda each: each.state in OPEN)
        live = [each for each, plain in order.lines.items() if not plain.is_gone]
        if not live:
            return
        record = live[line % len(live)]
        plain = order.lines[record]
        allowed = order.state in OPEN and (plain.cancelled + plain.kept == 0)
        self.same(self.ctx.trash(LINE, record), allowed=allowed)
        plain.is_gone = allowed

    @precondition(lambda self: self.orders)
    @rule(pick=PICK, product=st.sampled_from(sorted(TAKES)), count=COUNT)
    def add(self, pick: int, product: str, count: int) -> None:
        number, order = self.pick(pick, lambda each: each.state in OPEN)
        allowed = order.state in OPEN

        async def do() -> None:
            made = await self.ctx.create(
                LINE, order=number, product=self.products[product], quantity=Decimal(count),
                position=len(order.lines),
            )  # fmt: skip
            order.lines[made] = PlainLine(product, count, Decimal(0))

        self.same(do(), allowed=allowed)

    @precondition(lambda self: self.orders)
    @rule(pick=PICK, most=st.sampled_from([1, 2, 99]), extra=st.sampled_from([0, 0, 1, 2]))
    def ship(self, pick: int, most: int, extra: int) -> None:
        number, order = self.pick(pick, lambda each: any(line.to_ship for line in each.live))

        async def do() -> None:
            delivery = await self.act(f"{ORDER}/deliver", number)
            await self._limit(delivery, most, extra)
            await self.act("orders.delivery/ship", delivery)

        self.same(do(), allowed=self.model.ship(order, most, extra))

    @precondition(lambda self: self.orders)
    @rule(pick=PICK)
    def ship_all(self, pick: int) -> None:
        self.ship(pick, 99, 0)

    async def _limit(self, delivery: int, most: int, extra: int = 0) -> None:
        sql = "SELECT id, quantity FROM orders_delivery_line WHERE delivery = $1 ORDER BY position"
        for place, row in enumerate(await self.db.rows(sql, delivery)):
            quantity = min(row["quantity"], Decimal(most)) + (0 if place else extra)
            await self.ctx.save("orders.delivery_line", row["id"], quantity=quantity)

    @precondition(lambda self: self.orders)
    @rule(pick=PICK, most=st.sampled_from([1, 99]), restock=st.booleans())
    def take_back(self, pick: int, most: int, *, restock: bool) -> None:
        number, order = self.pick(pick, lambda each: any(line.kept for line in each.live))

        async def do() -> None:
            delivery = await self.act(f"{ORDER}/return", number)
            await self._limit(delivery, most)
            raw = {"reason": "Broken", "restock": str(restock).lower()}
            await self.act("orders.delivery/take-back", delivery, **raw)
            self.came_back.append(delivery)

        self.same(do(), allowed=self.model.take_back(order, most, restock=restock))

    @precondition(lambda self: self.came_back)
    @rule(pick=PICK)
    def take_back_again(self, pick: int) -> None:
        delivery = self.came_back[pick % len(self.came_back)]
        self.same(self.act("orders.delivery/take-back", delivery, reason="Twice"), allowed=False)

    @precondition(lambda self: len(self.orders) > 1)
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        number, order = self.pick(pick)
        self.same(
            self.act(f"{ORDER}/cancel", number, reason="No"), allowed=self.model.cancel(order)
        )

    @invariant()
    def both_agree(self) -> None:
        if hasattr(self, "products"):
            self.run(self._compare())

    async def _compare(self) -> None:
        model = deepcopy(self.model)
        for name in model.on_hand:
            row = await self.ctx.get("orders.product", self.products[name])
            found = (row["on_hand"] or 0, row["reserved"] or 0)
            assert (model.on_hand[name], model.reserved[name]) == found, name
            assert found[1] >= 0
            assert found[0] >= 0 or name in ENDLESS
        mails = await self.db.value("SELECT count(*) FROM core_message")
        assert sum(order.mails for order in self.orders.values()) == mails
        for number, receipt in self.receipts.items():
            row = await self.ctx.get("orders.receipt", number)
            assert receipt.state == row["state"]
        for number, order in self.orders.items():
            row = await self.ctx.get(ORDER, number)
            said = (order.state, order.amendment, order.is_amended, order.delivery_status)
            names = ("state", "amendment", "is_amended", "delivery_status")
            assert said == tuple(row[name] for name in names)
            net, tax = order.totals
            assert (net, tax, net + tax) == (row["net"], row["tax"], row["gross"])
            lines = await self.db.rows('SELECT * FROM orders_order_line WHERE "order" = $1', number)
            for line in lines:
                plain = order.lines[line["id"]]
                for name in ("delivered", "returned", "cancelled", "reserved"):
                    assert getattr(plain, name) == (line[name] or 0), name
            sql = "SELECT count(*) FROM orders_step WHERE \"order\" = $1 AND state = 'active'"
            active = await self.db.value(sql, number)
            assert active == (order.state in {"confirmed", "in_progress", "fulfilled"})
