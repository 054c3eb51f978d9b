"""What is done with quotes: sent, accepted once, made anew."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from crmkit import N_, ConflictError, Veto, format_full_date
from crmkit_orders.choosing import is_open_option, span_of_row
from crmkit_orders.domain.errors import RuleError
from crmkit_orders.domain.hashing import shown_hash
from crmkit_orders.domain.options import check_taken
from crmkit_orders.guards import check_move
from crmkit_orders.mailing import send_quote_mail
from crmkit_orders.reading import read_rows
from crmkit_orders.settings import Settings
from crmkit_orders.states import needs_second_person
from crmkit_orders.told import told
from crmkit_orders.totals import add_up_quote, quote_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from crmkit import Context, SaveEvent, TransitionEvent

_NO_OPTION: Mapping[int, Decimal] = {}
#: What a line of an order or of another version takes over from a line of a quote.
_COPIED = (
    "product", "text", "quantity", "unit", "unit_price", "discount", "tax_rate", "price_rule",
    "rule_price",
)  # fmt: skip
#: What a client does not see of a line.
_UNSEEN = frozenset({"product", "rule_price"})
#: What a client was sent of a quote besides its lines.
_SENT = ("company", "currency", "valid_until", "prepayment", "note")
_REASONS = {
    "draft": N_("This quote was not sent yet."),
    "refused": N_("This quote was refused."),
    "expired": N_("This quote has expired; ask for a new one."),
    "superseded": N_("There is a newer version of this quote; this one can no longer be accepted."),
}


class AcceptQuote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who said yes, by telephone or on paper."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


def begin_quote(event: SaveEvent) -> None:
    """Give a new quote the last day it is valid on; keep what was sent as it was read.

    Raises:
        Veto: Something changes that the client was sent.
    """
    if event.entity.name != "orders.quote":
        return
    ctx, values, before = event.ctx, event.values, event.before
    if event.record_id is None:
        today = ctx.now().astimezone(ctx.time_zone).date()
        days = timedelta(days=ctx.settings(Settings).valid_days)
        if values.get("valid_until") is None:
            values["valid_until"] = today + days
    elif before["state"] != "draft":
        text = ctx.translate(N_("stays as it was sent; make a new version"))
        wrong = {name: text for name in _SENT if name in values and values[name] != before[name]}
        if wrong:
            raise Veto(ctx.translate(N_("The quote was not changed.")), **wrong)


async def send_quote(ctx: Context, quote_id: int, _data: None, version: int | None = None) -> None:
    """Send a quote to the client by mail; what is sent stays as it is.

    Raises:
        InvalidError: Something is missing: the client, lines, an address.
        StaleVersionError: The quote changed since the page was shown.
    """
    await ctx.save("orders.quote", quote_id, version=version, state="sent")


async def check_quote(event: TransitionEvent) -> None:
    """Refuse to send or accept what is not complete, and to send what is no longer valid.

    Raises:
        Veto: There is no line, one has no product that was found, or its last day has passed.
    """
    ctx = event.ctx
    check_move(event)
    if event.new not in {"sent", "accepted"}:
        return
    made = "SELECT 1 FROM orders_order WHERE quote = $1"
    if event.new == "accepted" and not await ctx.db.value(made, event.record_id):
        raise Veto(ctx.translate(N_("A quote is accepted by “Accept”, which makes its order.")))
    rows = await quote_rows(ctx, event.record_id)
    check_lines(ctx, rows)
    last = event.record["valid_until"]
    today = ctx.now().astimezone(ctx.time_zone).date()
    if event.new == "sent" and last is not None and last < today:
        raise Veto(
            ctx.translate(N_("The quote was not sent.")),
            valid_until=ctx.translate(N_("has passed; choose a day to come")),
        )


def check_lines(ctx: Context, rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a document without lines, or with lines that were pasted and not matched.

    Raises:
        Veto: It is so.
    """
    if not rows:
        raise Veto(ctx.translate(N_("There is no line yet. Add a product first.")))
    loose = [row["text"] for row in rows if row["is_unmatched"]]
    if loose:
        text = ctx.translate(N_("No product was found for: {lines}. Choose one, or remove them."))
        raise Veto(text.format(lines=", ".join(loose[:5])))


async def quote_moved(event: TransitionEvent) -> None:
    """Send the mail of a quote that is sent, and say what became of it."""
    ctx, number = event.ctx, event.record_id
    if event.new == "sent":
        await ctx.save("orders.quote", number, sent_at=ctx.now())
        await send_quote_mail(ctx, await ctx.get("orders.quote", number))
    if event.new in {"sent", "accepted", "refused", "expired"}:
        await ctx.publish(f"orders.quote.{event.new}", "orders.quote", number)
    await _tell_owner(event)


async def _tell_owner(event: TransitionEvent) -> None:
    """Tell who made a quote what the client answered."""
    texts = {
        "accepted": N_("{quote} was accepted."),
        "refused": N_("{quote} was refused."),
        "expired": N_("{quote} has expired without an answer."),
    }
    quote = event.record
    if event.new in texts and quote["owner"]:
        await event.ctx.notify(
            [quote["owner"]], "orders.quote", texts[event.new],
            values={"quote": str(quote["number"])}, entity="orders.quote",
            record_id=event.record_id, key=f"quote:{event.record_id}:{event.new}",
        )  # fmt: skip


async def accept_by_hand(
    ctx: Context, quote_id: int, data: AcceptQuote, _version: int | None = None
) -> str:
    """Accept a quote for a client who said so, and answer the address of the order."""
    order = await accept_quote(ctx, quote_id, data.name, "")
    return f"/orders.order/{order}"


async def accept_quote(
    ctx: Context, quote_id: int, name: str, address: str, chosen: Mapping[int, Decimal] = _NO_OPTION
) -> int:
    """Accept a quote and answer its order; accepted again, it is the same order.

    Args:
        name: Who accepts it.
        address: Network address the answer came from; "" when a colleague noted it.
        chosen: Ids of the options that are taken, each with how much of it.

    Raises:
        ConflictError: It was refused, has expired or is superseded; says which.
        Veto: It is not complete, or less or more of an option is taken than is offered.
    """
    async with ctx.db.transaction():
        return await _accept(ctx, quote_id, name, address, chosen)


async def _accept(
    ctx: Context, quote_id: int, name: str, address: str, chosen: Mapping[int, Decimal]
) -> int:
    # Who comes second waits here, and finds it accepted.
    quote = await ctx.get("orders.quote", quote_id, "edit", lock=True)
    if quote["state"] == "accepted":
        made = await ctx.db.value("SELECT id FROM orders_order WHERE quote = $1", quote_id)
        if made is not None:
            return int(made)
    await check_acceptable(ctx, quote, by_hand=not address)
    await _take_options(ctx, await quote_rows(ctx, quote_id), chosen)
    await add_up_quote(ctx, quote_id)
    quote = await ctx.get("orders.quote", quote_id)
    rows = await quote_rows(ctx, quote_id)
    order = await _make_order(
        ctx, quote, [r for r in rows if not r["is_optional"] or r["is_chosen"]]
    )
    await ctx.save(
        "orders.quote", quote_id, state="accepted", accepted_at=ctx.now(), accepted_by=name[:200],
        accepted_from=address[:60], shown=shown_hash(shown_of(quote, rows)),
    )  # fmt: skip
    return order


async def _take_options(
    ctx: Context, rows: Sequence[Mapping[str, Any]], chosen: Mapping[int, Decimal]
) -> None:
    for row in rows:
        if not is_open_option(row) or row["id"] not in chosen:
            continue
        try:
            check_taken(chosen[row["id"]], span_of_row(row))
        except RuleError as error:
            raise Veto(f"{row['text']}: {told(ctx, error)}") from error
        await ctx.derive(
            "orders.quote_line", row["id"], is_chosen=True, chosen_quantity=chosen[row["id"]]
        )


async def check_acceptable(ctx: Context, quote: Mapping[str, Any], *, by_hand: bool) -> None:
    """Refuse a quote that cannot be accepted any more.

    Raises:
        ConflictError: It is so; says why.
    """
    today = ctx.now().astimezone(ctx.config.zone).date()
    state = quote["state"]
    if state == "draft" and by_hand:
        if needs_second_person(ctx, quote):
            text = N_("Send it first: its discount has to be approved by a second person.")
            raise ConflictError(ctx.translate(text))
        return
    if state == "sent" and quote["valid_until"] is not None and quote["valid_until"] < today:
        text = ctx.translate(N_("This quote was valid until {day}; ask for a new one."))
        raise ConflictError(text.format(day=format_full_date(ctx, quote["valid_until"])))
    if state != "sent":
        raise ConflictError(ctx.translate(_REASONS.get(state, _REASONS["expired"])))


def shown_of(quote: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Answer what a client saw of a quote, for its digest."""
    names = ("id", *(n for n in _COPIED if n not in _UNSEEN), "is_optional", "is_chosen", "net")
    bounds = ("min_quantity", "max_quantity")
    head = ("number", "revision", "currency", "valid_until", "prepayment", "note", "net", "tax",
            "gross")  # fmt: skip
    return {
        **{name: quote[name] for name in head},
        "lines": [
            {name: row[name] for name in names}
            | {name: row[name] for name in bounds if row[name] is not None}
            for row in rows
        ],
    }


async def _make_order(
    ctx: Context, quote: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> int:
    """Make the order of an accepted quote: its prices, whatever the lists say by now."""
    shared = ("company", "person", "opportunity", "currency", "note", "prepayment", "owner", "team")
    values = {name: quote[name] for name in shared}
    values["team"] = quote["team_id"]
    order = await ctx.create("orders.order", **values, quote=quote["id"])
    await copy_lines(ctx, rows, "orders.order_line", "order", order)
    return order


async def copy_lines(
    ctx: Context, rows: Sequence[Mapping[str, Any]], entity: str, column: str, document: int,
    *, at_todays_prices: bool = False,
) -> None:  # fmt: skip
    """Make lines of a document from those of another one."""
    for place, row in enumerate(rows, 1):
        values = {name: row[name] for name in _COPIED}
        if at_todays_prices and row["product"] is not None:
            del values["unit_price"], values["price_rule"], values["rule_price"]
        if entity == "orders.quote_line":
            names = ("is_optional", "min_quantity", "max_quantity")
            values |= {name: row[name] for name in names}
        if row["is_unmatched"]:
            values["is_unmatched"] = True
        await ctx.create(entity, **values, **{column: document}, position=place)


async def revise_quote(
    ctx: Context, quote_id: int, _data: None, _version: int | None = None
) -> str:
    """Make the next version of a quote to be changed and sent; this one is superseded."""
    quote = await ctx.get("orders.quote", quote_id, "edit", lock=True)
    shared = ("company", "person", "opportunity", "currency", "note", "prepayment", "owner")
    base = str(quote["number"]).partition("/")[0]
    revision = (quote["revision"] or 1) + 1
    made = await ctx.create(
        "orders.quote", **{name: quote[name] for name in shared}, team=quote["team_id"],
        number=f"{base}/{revision}", revision=revision, previous=quote_id,
    )  # fmt: skip
    await copy_lines(ctx, await quote_rows(ctx, quote_id), "orders.quote_line", "quote", made)
    await ctx.save("orders.quote", quote_id, state="superseded")
    return f"/orders.quote/{made}"


async def expire_quotes(ctx: Context) -> int:
    """Expire the quotes whose last day has passed, and answer how many."""
    today = ctx.now().astimezone(ctx.config.zone).date()
    rows = await read_rows(
        ctx,
        "SELECT id FROM orders_quote WHERE state = 'sent' AND valid_until < $1 "
        "AND trashed_at IS NULL ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED",
        today,
    )
    for row in rows:
        await ctx.save("orders.quote", row["id"], state="expired")
    return len(rows)


async def refuse_quote(ctx: Context, quote_id: int, reason: str) -> None:
    """Refuse a quote for the client; refused already, it stays so.

    Raises:
        ConflictError: It was accepted, or is superseded; says which.
    """
    async with ctx.db.transaction():
        quote = await ctx.get("orders.quote", quote_id, "edit", lock=True)
        if quote["state"] == "refused":
            return
        if quote["state"] not in {"sent", "expired"}:
            text = _REASONS.get(quote["state"], N_("This quote was accepted already."))
            raise ConflictError(ctx.translate(text))
        said = reason or ctx.translate(N_("Without a reason"))
        await ctx.save("orders.quote", quote_id, state="refused", refused_reason=said)
