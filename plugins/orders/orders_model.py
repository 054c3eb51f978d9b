"""Orders, deliveries and stock as a plain model knows them: no database, no hooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

ZERO, CENT = Decimal(0), Decimal("0.01")
#: What one of each product takes: a bundle takes its parts.
TAKES = {
    "pro": {"pro": 1},
    "kit": {"kit": 1},
    "set": {"pro": 1, "kit": 2},
    "air": {"air": 1},
}
PRICES = {"pro": Decimal("48.215"), "kit": Decimal("5.5"), "set": Decimal(60), "air": Decimal(1)}
RATES = {"pro": Decimal("10.25"), "kit": Decimal(20), "set": Decimal("10.25"), "air": ZERO}
#: What may be promised without stock.
ENDLESS = {"air"}
#: Percent by which a delivery may exceed what was ordered.
TOLERANCE = 50


def cents(amount: Decimal) -> Decimal:
    """Round once, half up."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


@dataclass
class PlainLine:
    """A line of an order."""

    product: str
    quantity: int
    discount: Decimal
    confirmed: int | None = None
    confirmed_net: Decimal = ZERO
    delivered: int = 0
    returned: int = 0
    cancelled: int = 0
    reserved: int = 0
    is_gone: bool = False

    @property
    def net(self) -> Decimal:
        return cents(self.quantity * PRICES[self.product] * (100 - self.discount) / 100)

    @property
    def kept(self) -> int:
        return self.delivered - self.returned

    def open(self, ordered: int | None) -> int:
        return max(0, (ordered or 0) - self.cancelled - self.kept)

    @property
    def to_ship(self) -> int:
        return 0 if self.confirmed is None else self.open(min(self.confirmed, self.quantity))

    @property
    def is_changed(self) -> bool:
        if self.is_gone:
            return self.confirmed is not None
        return (self.confirmed, self.confirmed_net) != (self.quantity, self.net)


@dataclass
class PlainOrder:
    """An order and its lines."""

    lines: dict[int, PlainLine]
    state: str = "draft"
    amendment: int = 0
    mails: int = 0

    @property
    def live(self) -> list[PlainLine]:
        return [line for line in self.lines.values() if not line.is_gone]

    @property
    def is_amended(self) -> bool:
        running = self.state in {"confirmed", "in_progress", "fulfilled"}
        return running and any(line.is_changed for line in self.lines.values())

    @property
    def totals(self) -> tuple[Decimal, Decimal]:
        bases: dict[Decimal, Decimal] = {}
        for line in self.live:
            rate = RATES[line.product]
            bases[rate] = bases.get(rate, ZERO) + line.net
        tax = sum((cents(base * rate / 100) for rate, base in bases.items()), ZERO)
        return sum(bases.values(), ZERO), tax

    @property
    def delivery_status(self) -> str:
        if not any(line.kept > 0 for line in self.live):
            return "none"
        return "partial" if any(line.open(line.quantity) for line in self.live) else "full"


@dataclass
class PlainReceipt:
    """What was expected of a product, and what has come."""

    product: str
    expected: int
    received: int = 0

    @property
    def state(self) -> str:
        if self.received == self.expected:
            return "received"
        return "partly" if self.received else "expected"


@dataclass
class PlainShop:
    """Counts of products, and what changes them; False is a refusal that changes nothing."""

    on_hand: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("pro", "kit", "air"), 0))
    reserved: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("pro", "kit", "air"), 0)
    )

    def change(self, hand: list[tuple[PlainLine, int]], kept: list[tuple[PlainLine, int]]) -> bool:
        after_hand, after_kept = dict(self.on_hand), dict(self.reserved)
        for changes, after in ((hand, after_hand), (kept, after_kept)):
            for line, amount in changes:
                for product, each in TAKES[line.product].items():
                    after[product] += each * amount
        for product in set(after_hand) - ENDLESS:
            was = self.on_hand[product] - self.reserved[product]
            there = after_hand[product]
            less = there < self.on_hand[product]
            if there - after_kept[product] < min(0, was) or (there < 0 and less):
                return False
        self.on_hand, self.reserved = after_hand, after_kept
        return True

    def confirm(self, order: PlainOrder) -> bool:
        first = order.state == "draft"
        if order.state not in {"draft", "confirmed", "in_progress"} or not order.live:
            return False
        if not first and not order.is_amended:
            return False
        lines = list(order.lines.values())
        wanted = [0 if line.is_gone else line.open(line.quantity) for line in lines]
        kept = [(line, want - line.reserved) for line, want in zip(lines, wanted, strict=True)]
        if not self.change([], kept):
            return False
        for line, want in zip(lines, wanted, strict=True):
            line.reserved = want
            line.confirmed = None if line.is_gone else line.quantity
            line.confirmed_net = line.net
        order.mails += 1
        order.amendment += not first
        order.state = "confirmed" if first else order.state
        if not first:
            self.follow(order)
        return True

    def receive(self, receipt: PlainReceipt, come: int) -> bool:
        if come > receipt.expected - receipt.received:
            return False
        receipt.received += come
        self.on_hand[receipt.product] += come
        return True

    def ship(self, order: PlainOrder, most: int, extra: int = 0) -> bool:
        open_lines = [line for line in order.live if line.to_ship]
        sent = [
            (line, min(line.to_ship, most) + (0 if place else extra))
            for place, line in enumerate(open_lines)
        ]
        if order.state not in {"confirmed", "in_progress"} or not sent:
            return False
        if any(
            100 * (line.kept + count + line.cancelled) > (100 + TOLERANCE) * line.quantity
            for line, count in sent
        ):
            return False
        freed = [(line, -min(line.reserved, count)) for line, count in sent]
        if not self.change([(line, -count) for line, count in sent], freed):
            return False
        for line, count in sent:
            line.delivered += count
            line.reserved = max(0, line.reserved - count)
        order.mails += 1
        self.follow(order)
        return True

    def take_back(self, order: PlainOrder, most: int, *, restock: bool) -> bool:
        back = [(line, min(line.kept, most)) for line in order.live if line.kept]
        if order.state not in {"confirmed", "in_progress", "fulfilled"} or not back:
            return False
        if restock:
            self.change(back, [])
        for line, count in back:
            line.returned += count
        self.follow(order)
        return True

    def cancel(self, order: PlainOrder) -> bool:
        if order.state not in {"draft", "confirmed", "in_progress"}:
            return False
        if any(line.kept for line in order.live):
            return False
        held = [line for line in order.lines.values() if not line.is_gone or line.confirmed]
        self.change([], [(line, -line.reserved) for line in held])
        for line in held:
            line.reserved, line.cancelled = 0, line.cancelled + line.open(line.quantity)
        order.state = "cancelled"
        return True

    def follow(self, order: PlainOrder) -> None:
        is_open = any(line.open(line.quantity) for line in order.live)
        has_left = any(line.kept for line in order.live)
        order.state = "fulfilled" if not is_open else "in_progress" if has_left else "confirmed"
        for line in order.lines.values() if is_open else ():
            want = line.open(line.confirmed)
            if self.change([], [(line, want - line.reserved)]):
                line.reserved = want
