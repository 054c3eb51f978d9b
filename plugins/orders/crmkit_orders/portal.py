"""What a client sees on a page of his own: open quotes, orders, their papers; nothing of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crmkit import N_, _, format_date, format_full_date, format_money, say_kept
from crmkit_orders.mailing import quote_link, spoken_language, status_link
from crmkit_orders.portal_calls import client_agreements
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.settings import Settings
from crmkit_orders.states import ORDER_STATES, RUNNING
from crmkit_orders.told import full_moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context
    from crmkit_orders.reading import Row

#: Past orders on one page; who needs older ones asks.
MOST = 50
_STATES = {each.name: each.label for each in ORDER_STATES.states}
#: What is printed of a document, by the kind in the address: entity, template.
PAPERS = {
    "quotation": ("orders.quote", "orders.quotation"),
    "confirmation": ("orders.order", "orders.confirmation"),
    "agreement": ("orders.agreement", "orders.blanket_order"),
    "slip": ("orders.delivery", "orders.packing_slip"),
}


class Client(NamedTuple):
    """A company or a person whose page it is.

    Attributes:
        kind: company or person, also the name of the column of quotes and orders.
        link: Number of the links that hold.
    """

    kind: str
    id: int
    name: str
    email: str
    language: str
    link: int


async def find_client(ctx: Context, kind: str, number: int) -> Client | None:
    """Answer a client that is not in the trash, with the number of the links that hold."""
    spoken = "c.language" if kind == "person" else "''"
    row = await read_row(
        ctx,
        f"SELECT c.id, c.name, c.email, {spoken} AS language, coalesce(p.link, 1) AS link "  # noqa: S608 - of our own
        f"FROM crm_{kind} c LEFT JOIN orders_{kind}_page p ON p.{kind} = c.id "
        "WHERE c.id = $1 AND c.trashed_at IS NULL",
        number,
    )
    if row is None:
        return None
    return Client(kind, **{**row, "language": spoken_language(row["language"])})


async def client_page(ctx: Context, client: Client, base: str) -> dict[str, Any]:
    """Answer the page of a client; five statements, whatever there is.

    Args:
        base: Address of the page.
    """
    sees_prices = ctx.settings(Settings).clients_see_prices
    quotes = await _quotes(ctx, client)
    orders = await _orders(ctx, client)
    ids = [row["id"] for row in orders]
    slips = await _slips(ctx, ids)
    agreements = await client_agreements(ctx, client, base)
    pay = await _payments(ctx, [row["id"] for row in orders if row["state"] != "cancelled"])
    shown = [
        {
            "url": status_link(ctx, row["id"], row["link"] or 1),
            "number": row["number"],
            "client_number": row["client_number"],
            "what": _what(row),
            "state": _status(ctx, row),
            "at": _day(ctx, row["confirmed_at"]),
            "gross": _money(ctx, row) if sees_prices else "",
            "papers": [
                *([(N_("Order confirmation"), f"{base}/papers/confirmation/{row['id']}")]
                  if sees_prices else []),
                *((slip["number"], f"{base}/papers/slip/{slip['id']}")
                  for slip in slips if slip["order"] == row["id"]),
            ],
            "again": f"{base}/orders/{row['id']}" if row["state"] != "cancelled" else "",
            "waiting": row["waiting"] or "",
            "pay": pay.get(row["id"], ""),
            "is_open": row["state"] in RUNNING,
        }
        for row in orders
    ]  # fmt: skip
    return {
        "client": client.name,
        "seller": ctx.config.name,
        "address": ctx.config.address,
        "quotes": [
            {
                "url": quote_link(ctx, row["id"]),
                "number": row["number"],
                "what": _what(row),
                "gross": _money(ctx, row),
                "until": format_full_date(ctx, row["valid_until"]) if row["valid_until"] else "",
                "paper": f"{base}/papers/quotation/{row['id']}",
            }
            for row in quotes
        ],
        "agreements": agreements,
        "open": [each for each in shown if each["is_open"]],
        "past": [each for each in shown if not each["is_open"]],
    }


def _lines(table: str, column: str) -> str:
    """Answer what reads the first line of a document, and how many there are."""
    return (
        "LEFT JOIN LATERAL (SELECT count(*) AS lines, "  # noqa: S608 - of our own
        "(array_agg(l.text ORDER BY l.position, l.id))[1] AS first "
        f'FROM {table} l WHERE l."{column}" = d.id AND l.trashed_at IS NULL) x ON true'
    )


async def _quotes(ctx: Context, client: Client) -> list[Row]:
    today = ctx.now().astimezone(ctx.config.zone).date()
    return await read_rows(
        ctx,
        f"SELECT d.*, x.lines, x.first FROM orders_quote d {_lines('orders_quote_line', 'quote')} "  # noqa: S608
        f"WHERE d.{client.kind} = $1 AND d.state = 'sent' AND d.trashed_at IS NULL "
        "AND (d.valid_until IS NULL OR d.valid_until >= $2) ORDER BY d.id DESC LIMIT $3",
        client.id, today, MOST,
    )  # fmt: skip


async def _orders(ctx: Context, client: Client) -> list[Row]:
    """Read orders, the running ones first, each with the draft that waits of it."""
    return await read_rows(
        ctx,
        "SELECT d.*, x.lines, x.first, "  # noqa: S608 - of our own
        '(SELECT max(o.number) FROM orders_reorder r JOIN orders_order o ON o.id = r."order" '
        "WHERE r.source = d.id AND o.state = 'draft' AND o.trashed_at IS NULL) AS waiting, "
        "(SELECT n.name FROM orders_step s JOIN orders_step_name n ON n.step = s.plan "
        'AND n.language = $4 AND n.trashed_at IS NULL WHERE s."order" = d.id '
        "AND s.state = 'active' AND s.trashed_at IS NULL LIMIT 1) AS step_name "
        f"FROM orders_order d {_lines('orders_order_line', 'order')} "
        f"WHERE d.{client.kind} = $1 AND d.trashed_at IS NULL AND d.confirmed_at IS NOT NULL "
        "AND d.state <> 'draft' "
        "ORDER BY d.state = ANY($2::text[]) DESC, d.confirmed_at DESC, d.id DESC LIMIT $3",
        client.id, sorted(RUNNING), MOST, ctx.language,
    )  # fmt: skip


async def _slips(ctx: Context, orders: Sequence[int]) -> list[Row]:
    return await read_rows(
        ctx,
        'SELECT id, number, "order" FROM orders_delivery WHERE "order" = ANY($1::bigint[]) '
        "AND direction = 'out' AND state IN ('shipped', 'delivered') AND trashed_at IS NULL "
        "ORDER BY id",
        list(orders),
    )


async def _payments(ctx: Context, orders: Sequence[int]) -> dict[int, str]:
    """Answer where orders are paid, as far as a plugin says so."""
    event = PaymentEvent(ctx, tuple(orders))
    found: dict[int, str] = {}
    for _plugin, links in await ctx.site.hooks.collect("orders_payment_links", event, _checked):
        found |= links
    return {number: url for number, url in found.items() if number in event.orders}


class PaymentEvent(NamedTuple):
    """A client opens his page: where are these orders paid, by id; the others have no link."""

    ctx: Context
    orders: tuple[int, ...]


def _checked(answer: Any) -> Mapping[int, str]:  # noqa: ANN401 - a stranger's answer
    if not isinstance(answer, dict) or not all(
        isinstance(url, str) and url.startswith(("https://", "/")) for url in answer.values()
    ):
        raise TypeError("`orders_payment_links` answers ids of orders with addresses")
    return answer


def _what(row: Mapping[str, Any]) -> str:
    """Answer what a document is about: its first line, and how many more there are."""
    more = (row["lines"] or 1) - 1
    if not more:
        return str(row["first"] or "")
    text = _("%(first)s and %(n)s more")
    return text % {"first": row["first"], "n": more}


def _status(ctx: Context, row: Mapping[str, Any]) -> str:
    """Answer the one line that says where an order stands."""
    said = [ctx.translate(_STATES[row["state"]])]
    if row["state"] in RUNNING:
        if row["step"]:
            said.append(row["step_name"] or say_kept(ctx, row["step"]))
        if row["promised_at"]:
            text = ctx.translate(N_("by {moment}"))
            said.append(text.format(moment=full_moment(ctx, row["promised_at"])))
    return " · ".join(said)


def _money(ctx: Context, row: Mapping[str, Any]) -> str:
    currency = row["currency"] or ctx.config.currency
    return format_money(ctx, row["gross"], currency) if row["gross"] is not None else ""


def _day(ctx: Context, moment: Any) -> str:  # noqa: ANN401 - a moment or none
    if not moment:
        return ""
    return format_date(ctx, moment.astimezone(ctx.config.zone).date())


async def paper_record(ctx: Context, client: Client, kind: str, number: int) -> Row | None:
    """Answer the quote, order, blanket order or delivery of this client that a paper is asked of.

    A confirmation and a blanket order have prices, so they are there only where clients see them.
    """
    if kind in {"confirmation", "agreement"} and not ctx.settings(Settings).clients_see_prices:
        return None
    conditions = {
        "quotation": "orders_quote d WHERE d.state = 'sent'",
        "confirmation": "orders_order d WHERE d.confirmed_at IS NOT NULL AND d.state <> 'draft'",
        "agreement": "orders_agreement d WHERE d.state = 'running'",
        "slip": 'orders_delivery d JOIN orders_order o ON o.id = d."order" '
        "WHERE d.direction = 'out' AND d.state IN ('shipped', 'delivered') "
        "AND o.trashed_at IS NULL",
    }
    owner = "o" if kind == "slip" else "d"
    return await read_row(
        ctx,
        f"SELECT d.id, d.number, d.updated_at FROM {conditions[kind]} "  # noqa: S608 - of our own
        f"AND d.id = $1 AND {owner}.{client.kind} = $2 AND d.trashed_at IS NULL",
        number, client.id,
    )  # fmt: skip
