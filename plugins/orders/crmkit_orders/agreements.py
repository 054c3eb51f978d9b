"""Blanket orders: kept as agreed, counted from what orders take, closed after their last day."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import N_, Veto, format_number
from crmkit_orders.agreed import called_of, lines_by_id, lines_of, today_of
from crmkit_orders.at_once import add_up_later
from crmkit_orders.domain.errors import RuleError
from crmkit_orders.domain.money import check_price, check_quantity, round_money
from crmkit_orders.guards import check_move
from crmkit_orders.pricing import price_of
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.states import ENDED, agreement_locked
from crmkit_orders.told import plain, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmkit import Context, SaveEvent, TransitionEvent
    from crmkit_orders.reading import Row

AGREEMENT, LINE = "orders.agreement", "orders.agreement_line"
_ZERO = Decimal(0)
_AGREED = ("company", "currency", "valid_from")
_FIXED = ("agreement", "product", "text", "unit", "unit_price")


async def prepare_agreement(event: SaveEvent) -> None:
    """Note the day an agreement begins or ends, and keep what was agreed while it runs.

    Raises:
        Veto: Something changes that was agreed, or it would end before it begins.
    """
    if event.entity.name != AGREEMENT:
        return
    ctx, values, before = event.ctx, event.values, event.before
    old = before.get("state", "draft")
    whole = {**before, **values}
    if values.get("state") == "running" and whole.get("valid_from") is None:
        whole["valid_from"] = values["valid_from"] = today_of(ctx)
    if values.get("state") in ENDED and old not in ENDED:
        values["closed_on"] = today_of(ctx)
    wrong: dict[str, str] = {}
    if old != "draft":
        wrong = _kept(event)
    first, last = whole.get("valid_from"), whole.get("valid_until")
    is_dated = {"valid_from", "valid_until"} & set(values)
    if is_dated and first is not None and last is not None and last < first:
        wrong["valid_until"] = ctx.translate(N_("is before the first day; choose a later one"))
    if wrong:
        raise Veto(ctx.translate(N_("The blanket order was not changed.")), **wrong)


def _kept(event: SaveEvent) -> dict[str, str]:
    """Answer what a save changes that was agreed; a client that is merged is the same client."""
    ctx, values, before = event.ctx, event.values, event.before
    fixed = ctx.translate(N_("is fixed once the blanket order runs"))
    is_merged = ctx.cause == "merge"
    wrong = {
        name: fixed
        for name in _AGREED
        if name in values and values[name] != before[name] and not (name == "company" and is_merged)
    }
    last, new = before["valid_until"], values.get("valid_until")
    if "valid_until" in values and new != last:
        if before["state"] != "running":
            wrong["valid_until"] = fixed
        elif new is None or (last is not None and new < last):
            wrong["valid_until"] = ctx.translate(N_("can only be extended; choose a later day"))
    return wrong


async def prepare_agreement_line(event: SaveEvent) -> None:
    """Fill a line of an agreement from its product, and refuse what was agreed otherwise.

    Raises:
        Veto: The agreement runs and more than the quantity is changed, or a number does not fit.
    """
    if event.entity.name != LINE:
        return
    ctx, values, before = event.ctx, event.values, event.before
    whole = {**before, **values}
    agreement = await _agreement(ctx, whole.get("agreement"))
    if agreement is None:
        return  # the reference is refused by the rules of every record
    was_in = await _agreement(ctx, before.get("agreement")) if before else None
    state = next(
        (each["state"] for each in (was_in, agreement) if each and each["state"] != "draft"), ""
    )
    refused = ctx.translate(N_("The line was not changed."))
    if state:
        _check_raised(event, state)
    elif whole.get("product"):
        await _fill(event, agreement)
    whole |= values
    try:
        if whole.get("quantity") is not None:
            check_quantity(whole["quantity"])
        if whole.get("unit_price") is not None:
            check_price(whole["unit_price"])
    except RuleError as error:
        field = "quantity" if "quantity" in values else "unit_price"
        raise Veto(refused, **{field: told(ctx, error)}) from error
    if whole.get("quantity") == 0:
        text = ctx.translate(N_("must be more than 0; leave it empty for as much as is wanted"))
        raise Veto(refused, quantity=text)


async def _agreement(ctx: Context, number: int | None) -> Row | None:
    return await read_row(ctx, "SELECT * FROM orders_agreement WHERE id = $1", number)


def _check_raised(event: SaveEvent, state: str) -> None:
    """Refuse any change of a line but a larger quantity of an agreement that runs.

    Raises:
        Veto: It is another one.
    """
    ctx, values, before = event.ctx, event.values, event.before
    if not before or state != "running":
        raise Veto(ctx.translate(agreement_locked(ctx, {"state": state})))
    fixed = ctx.translate(N_("is fixed once the blanket order runs"))
    wrong = {n: fixed for n in _FIXED if n in values and values[n] != before[n]}
    if "quantity" in values and values["quantity"] != before["quantity"]:
        new, old = values["quantity"], before["quantity"]
        if old is None or (new is not None and new < old):
            wrong["quantity"] = ctx.translate(N_("can only be raised once the blanket order runs"))
    if wrong:
        raise Veto(ctx.translate(N_("The line was not changed.")), **wrong)


async def _fill(event: SaveEvent, agreement: Mapping[str, Any]) -> None:
    """Fill what is empty or changes with the product; the price that holds is where talks begin."""
    ctx, values = event.ctx, event.values
    whole = {**event.before, **values}
    product = await read_row(ctx, "SELECT * FROM orders_product WHERE id = $1", whole["product"])
    if product is None:
        return
    is_other = "product" in values and values["product"] != event.before.get("product")
    for name, value in (("text", product["name"]), ("unit", product["unit"])):
        if whole.get(name) in (None, "") or (is_other and name not in values):
            values[name] = value
    if "unit_price" in values or (whole.get("unit_price") is not None and not is_other):
        return
    try:
        quantity = whole.get("quantity") or Decimal(1)
        found = await price_of(ctx, product, agreement, quantity, {**whole, **values}["unit"])
    except RuleError as error:
        raise Veto(told(ctx, error), unit=told(ctx, error)) from error
    values["unit_price"] = found.unit_price if found is not None else None


async def check_agreement(event: TransitionEvent) -> None:
    """Refuse to begin an agreement that is not complete.

    Raises:
        Veto: Names what is missing.
    """
    ctx = event.ctx
    check_move(event)
    if event.new != "running":
        return
    rows = await lines_of(ctx, event.record_id)
    if not rows:
        raise Veto(ctx.translate(N_("There is no line yet. Add a product first.")))
    bare = [row["text"] for row in rows if row["product"] is None or row["unit_price"] is None]
    if bare:
        text = N_("A product or a price is missing in: {lines}. Fill it in.")
        raise Veto(ctx.translate(text).format(lines=", ".join(bare[:5])))
    products = [row["product"] for row in rows]
    twice = sorted({row["text"] for row in rows if products.count(row["product"]) > 1})
    if twice:
        text = N_("A product stands in two lines: {lines}. Put them into one.")
        raise Veto(ctx.translate(text).format(lines=", ".join(twice[:5])))
    if event.record["valid_until"] < today_of(ctx):
        raise Veto(
            ctx.translate(N_("The blanket order was not begun.")),
            valid_until=ctx.translate(N_("has passed; choose a day to come")),
        )


async def agreement_moved(event: TransitionEvent) -> None:
    """Say that an agreement was begun, closed or cancelled."""
    name = {"running": "begun"}.get(event.new, event.new)
    await event.ctx.publish(f"orders.agreement.{name}", AGREEMENT, event.record_id)


async def keep_agreed(event: SaveEvent) -> None:
    """Keep lines of agreements that were begun.

    Raises:
        Veto: It is one of them.
    """
    if event.entity.name != LINE:
        return
    agreement = await _agreement(event.ctx, event.before["agreement"])
    if agreement is not None and (text := agreement_locked(event.ctx, agreement)):
        raise Veto(event.ctx.translate(text))


async def agreement_saved(event: SaveEvent) -> None:
    """Add up the agreement of a line that changed."""
    if event.entity.name == LINE:
        both = {event.before.get("agreement"), event.values.get("agreement")}
        for each in sorted(each for each in both if isinstance(each, int)):
            await add_up_later(event.ctx, _recount_one, each)


async def _recount_one(ctx: Context, agreement: int) -> None:
    await recount(ctx, [agreement])


async def recount(ctx: Context, agreements: Iterable[int]) -> None:
    """Set what lines of agreements are called off, and what is left, to what orders say."""
    for agreement in sorted(set(agreements)):
        rows = await lines_of(ctx, agreement)
        called = await called_of(ctx, {row["id"]: row["unit"] for row in rows})
        net = left = _ZERO
        for row in rows:
            price, quantity = row["unit_price"] or _ZERO, row["quantity"]
            firm = called[row["id"]].firm
            values: dict[str, Any] = {"called": firm, "remaining": None, "net": None}
            if quantity is not None:
                values["remaining"] = quantity - firm
                values["net"] = round_money(quantity * price, row["currency"])
                net += values["net"]
                left += round_money(max(_ZERO, quantity - firm) * price, row["currency"])
            if any(row[name] != value for name, value in values.items()):
                await ctx.derive(LINE, row["id"], **values)
        await ctx.derive(AGREEMENT, agreement, net=net, net_left=left)


async def recount_lines(ctx: Context, lines: Iterable[int]) -> None:
    """Count anew the agreements of lines, and look whether little is left of them."""
    found = {row["agreement"] for row in (await lines_by_id(ctx, lines)).values()}
    if found:
        await recount(ctx, found)
        await ctx.enqueue("orders.watch_agreements", key="watch")


async def end_agreements(ctx: Context) -> int:
    """Close the agreements whose last day has passed, and answer how many."""
    rows = await read_rows(
        ctx,
        "SELECT id FROM orders_agreement WHERE state = 'running' AND valid_until < $1 "
        "AND trashed_at IS NULL ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED",
        today_of(ctx),
    )
    for row in rows:
        await ctx.save(AGREEMENT, row["id"], state="closed")
    return len(rows)


def left_text(ctx: Context, row: Mapping[str, Any]) -> str:
    """Answer what is left of a line as the reader writes it; "" where nothing was agreed."""
    if row["remaining"] is None:
        return ""
    return format_number(ctx, plain(max(_ZERO, row["remaining"])))
