"""Lines of quotes and orders: what is filled in, and what is refused, at every door."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from crmkit import N_, Sentence, Veto, format_number, keep_sentences
from crmkit_orders.agreed import called_price
from crmkit_orders.at_once import add_up_later
from crmkit_orders.calling import check_called_line
from crmkit_orders.discounts import check_running
from crmkit_orders.domain.errors import RuleError
from crmkit_orders.domain.options import span_of
from crmkit_orders.domain.quantities import lowest_ordered
from crmkit_orders.domain.units import convert
from crmkit_orders.ordering import mark_amended
from crmkit_orders.pricing import price_of, taken
from crmkit_orders.reading import Row, read_row
from crmkit_orders.shares import parts_by_line
from crmkit_orders.single_parts import begun
from crmkit_orders.states import OPEN_ORDER
from crmkit_orders.told import plain, told
from crmkit_orders.totals import add_up_order, add_up_quote, counts_of, money_line

if TYPE_CHECKING:
    from crmkit import Context, SaveEvent
    from crmkit_orders.domain.prices import FoundPrice

QUOTE_LINE, ORDER_LINE = "orders.quote_line", "orders.order_line"
_LINES = {QUOTE_LINE: ("orders_quote", "quote"), ORDER_LINE: ("orders_order", "order")}
_PRICED = ("product", "quantity", "unit", "agreement_line")
_FIXED = ("product", "unit", "tax_rate", "order", "agreement_line")


async def prepare_line(event: SaveEvent) -> None:
    """Fill a line from its product and refuse what the document does not allow.

    Raises:
        Veto: The document is no longer open, or a number does not fit; names the field.
    """
    if event.entity.name not in _LINES:
        return
    document = await _document(event)
    if document is None:
        return  # the reference is refused by the rules of every record
    check_open(event, document)
    if event.entity.name == ORDER_LINE and event.record_id is not None:
        await _keep_confirmed(event)
    whole = {**event.before, **event.values}
    if whole.get("product"):
        await _fill(event, whole, document)
    elif event.before.get("rule_price") is not None:
        event.values["rule_price"] = None  # no product, so no rule
        if event.before.get("agreement_line") is not None:
            event.values["agreement_line"] = None
    await _check(event)
    if event.entity.name == ORDER_LINE:
        await check_called_line(event, document)
        check_running(event, document)


async def _keep_confirmed(event: SaveEvent) -> None:
    """Keep what the confirmation of an order fixed: another product is another line.

    Raises:
        Veto: It is changed.
    """
    ctx, values, before = event.ctx, event.values, event.before
    confirmed = await ctx.db.value(
        "SELECT confirmed FROM orders_order_line WHERE id = $1", event.record_id
    )
    refused = ctx.translate(N_("The line was not changed."))
    if confirmed is not None:
        text = ctx.translate(N_("is fixed once the order is confirmed; add a line instead"))
        wrong = {n: text for n in _FIXED if n in values and values[n] != before[n]}
        if wrong:
            raise Veto(refused, **wrong)
        if "unit_price" not in values and before["unit_price"] is not None:
            values["unit_price"] = before["unit_price"]  # as agreed, whatever the lists say now
            values["price_rule"] = before["price_rule"]
            values["rule_price"] = before["rule_price"]


async def _document(event: SaveEvent) -> Row | None:
    table, column = _LINES[event.entity.name]
    number = {**event.before, **event.values}.get(column)
    return await read_row(event.ctx, f"SELECT * FROM {table} WHERE id = $1", number)  # noqa: S608 - names of our own


def check_open(event: SaveEvent, document: Row) -> None:
    """Refuse a change of lines that the document's state does not allow.

    Raises:
        Veto: It was sent, or is done.
    """
    if event.entity.name == QUOTE_LINE and document["state"] != "draft":
        text = N_("What was sent stays as it is. Make a new version to change it.")
        raise Veto(event.ctx.translate(text))
    if event.entity.name == ORDER_LINE and document["state"] not in OPEN_ORDER:
        raise Veto(
            event.ctx.translate(N_("The order is done. Its lines can no longer be changed."))
        )


async def _fill(event: SaveEvent, whole: Row, document: Row) -> None:
    """Fill what is empty, or changes with the product, and the price while it is not by hand."""
    product = await read_row(
        event.ctx, "SELECT * FROM orders_product WHERE id = $1", whole["product"]
    )
    if product is None:
        return
    values, is_other = event.values, _is_other(event)
    defaults = {
        "text": product["name"],
        "unit": product["unit"],
        "tax_rate": product["tax_rate"] or Decimal(0),
    }
    for name, value in defaults.items():
        if whole.get(name) in (None, "") or (is_other and name not in values):
            values[name] = value
    if whole.get("quantity") is None:
        values["quantity"] = Decimal(1)
    if is_other:
        values["is_unmatched"] = False
    await _price(event, product, document)


def _is_other(event: SaveEvent) -> bool:
    return "product" in event.values and event.values["product"] != event.before.get("product")


async def _price(event: SaveEvent, product: Row, document: Row) -> None:
    """Give a line the price that holds, and note it beside one that was entered by hand."""
    ctx, values = event.ctx, event.values
    whole = {**event.before, **values}
    is_typed = values.get("unit_price") is not None
    is_asked = _is_other(event) or any(name in values for name in _PRICED)
    stays = whole.get("unit_price") is not None and not _is_other(event)
    if is_typed:
        values["is_by_hand"] = True
        values.setdefault("price_rule", keep_sentences(Sentence(N_("Entered by hand"))))
    if "rule_price" in values:
        await _take_as_quoted(event, product, document)
        return
    if stays and not is_typed and not is_asked:
        return
    try:
        found = await _found(event, product, document)
    except RuleError as error:
        raise Veto(told(ctx, error), unit=told(ctx, error)) from error
    values["rule_price"] = found.unit_price if found is not None else None
    _take_of_agreement(event, found)
    if is_typed or found is None or (stays and event.before.get("is_by_hand")):
        return
    values["unit_price"], values["price_rule"] = found.unit_price, taken(found)
    values["is_by_hand"] = False


async def _found(event: SaveEvent, product: Row, document: Row) -> FoundPrice | None:
    """Answer the price that holds: of the blanket order the line takes of, else of the rules.

    Raises:
        UnitError: The unit of the line does not convert into that of the product.
    """
    ctx, whole = event.ctx, {**event.before, **event.values}
    # A line is of the blanket order that goes first when its product is chosen; later only by hand.
    looks = _is_other(event) and "agreement_line" not in event.values
    if event.entity.name == ORDER_LINE and whole.get("agreement_line") and not looks:
        found = await called_price(ctx, whole["agreement_line"], whole["unit"])
        if found is not None:
            return found
    return await price_of(
        ctx, product, document, whole["quantity"], whole["unit"],
        agreed=looks or event.entity.name != ORDER_LINE,
    )  # fmt: skip


async def _take_as_quoted(event: SaveEvent, product: Row, document: Row) -> None:
    """Let a line that comes with its price, as of a quote, take of the blanket order it fits."""
    values, is_at_rule = event.values, event.values.get("unit_price") == event.values["rule_price"]
    if event.entity.name == ORDER_LINE and is_at_rule and _is_other(event):
        quantity, unit = values["quantity"], values["unit"]
        _take_of_agreement(event, await price_of(event.ctx, product, document, quantity, unit))


def _take_of_agreement(event: SaveEvent, found: FoundPrice | None) -> None:
    """Let a line with another product take of the blanket order that gives its price.

    A price by hand that is not the agreed one is no part of the blanket order, unless it is said.
    """
    values, before = event.values, event.before
    if event.entity.name != ORDER_LINE or "agreement_line" in values or not _is_other(event):
        return
    line = found.agreement_line if found is not None else None
    typed = values.get("unit_price")
    if found is not None and typed is not None and typed != found.unit_price:
        line = None
    if line is not None or before.get("agreement_line") is not None:
        values["agreement_line"] = line


async def _check(event: SaveEvent) -> None:
    """Refuse numbers that no document can hold, and fewer than were delivered."""
    ctx = event.ctx
    whole = {**event.before, **event.values}
    row = {name: whole.get(name) for name in ("quantity", "unit_price", "discount", "tax_rate")}
    try:
        money_line({**row, "unit_cost": None})
    except RuleError as error:
        field = next((n for n in row if n in event.values), "quantity")
        raise Veto(told(ctx, error), **{field: told(ctx, error)}) from error
    if event.entity.name == QUOTE_LINE:
        _check_option(event, whole)
    if event.entity.name == ORDER_LINE and event.before:
        least = lowest_ordered(counts_of(event.before)) + await _begun(event)
        if (whole.get("quantity") or 0) < least:
            text = ctx.translate(N_("cannot be less than {least}, which left the house already"))
            shown = text.format(least=format_number(ctx, plain(least)))
            raise Veto(ctx.translate(N_("The line was not changed.")), quantity=shown)


def _check_option(event: SaveEvent, whole: Row) -> None:
    """Refuse bounds of what is no option, and a quantity that is not within them."""
    ctx, names = event.ctx, ("min_quantity", "max_quantity")
    given = [name for name in names if whole.get(name) is not None]
    if not given:
        return
    refused = ctx.translate(N_("The line was not saved."))
    if not whole.get("is_optional"):
        text = ctx.translate(N_("is for options only; tick Option, or empty it"))
        raise Veto(refused, **dict.fromkeys(given, text))
    try:
        span_of(whole.get("quantity") or Decimal(0), *(whole.get(name) for name in names))
    except RuleError as error:
        field = next((n for n in ("quantity", *given) if n in event.values), "quantity")
        raise Veto(told(ctx, error), **{field: told(ctx, error)}) from error


async def _begun(event: SaveEvent) -> Decimal:
    """Answer of how many bundles of a line single parts have left."""
    parts = await parts_by_line(event.ctx, [event.before["order"]])
    return begun(event.before, parts.get(event.record_id or 0, ()))


async def refuse_removal(event: SaveEvent) -> None:
    """Keep lines of documents that are not open, and those of which something was delivered.

    Raises:
        Veto: It is such a line.
    """
    if event.entity.name not in _LINES:
        return
    document = await _document(event)
    if document is not None:
        check_open(event, document)
    if event.entity.name != ORDER_LINE:
        return
    if lowest_ordered(counts_of(event.before)) + await _begun(event) > 0:
        text = N_("Something of this line left the house or was invoiced. Record a return first.")
        raise Veto(event.ctx.translate(text))


async def add_up(event: SaveEvent) -> None:
    """Bring the document of a line that changed up to date."""
    name = event.entity.name
    if name not in _LINES:
        return
    ctx = event.ctx
    if event.before.get("trashed_at") is not None:
        # It came out of the trash, where nothing asks before: the document may be done meanwhile.
        whole = await _document(event)
        if whole is not None:
            check_open(event, whole)
    _table, column = _LINES[name]
    documents = {event.before.get(column), event.values.get(column)}
    if event.record_id is not None and (
        {"product", "unit"} & set(event.values) or not event.before
    ):
        await _freeze_cost(ctx, name, event.record_id)
    for document in sorted(each for each in documents if isinstance(each, int)):
        await add_up_later(ctx, add_up_quote if name == QUOTE_LINE else _add_up_order, document)


async def _add_up_order(ctx: Context, order: int) -> None:
    await add_up_order(ctx, order)
    await mark_amended(ctx, order)


async def _freeze_cost(ctx: Context, entity: str, line: int) -> None:
    """Keep what one unit of a line costs today; a bundle costs what its parts do."""
    table = entity.replace(".", "_", 1)
    row = await read_row(
        ctx,
        "SELECT l.unit, p.unit AS own, coalesce(c.amount, (SELECT CASE WHEN count(*) = "  # noqa: S608 - a table of ours
        "count(k.amount) THEN sum(b.quantity * k.amount) END FROM orders_bundle_part b "
        "LEFT JOIN orders_cost k ON k.product = b.product AND k.trashed_at IS NULL "
        "WHERE b.bundle = p.id AND p.kind = 'bundle' AND b.trashed_at IS NULL)) AS cost "
        f"FROM {table} l JOIN orders_product p ON p.id = l.product "
        "LEFT JOIN orders_cost c ON c.product = p.id AND c.trashed_at IS NULL WHERE l.id = $1",
        line,
    )
    cost = row["cost"] if row is not None else None
    if row is not None and cost is not None and row["unit"] != row["own"]:
        try:
            cost = round(cost * convert(Decimal(1), row["unit"], row["own"]), 6)
        except RuleError:
            cost = None  # units that do not convert are refused where they matter
    await ctx.derive(entity, line, unit_cost=cost)
