"""The credit of a client: what its open orders come to, beside its limit.

There are no exchange rates here. A limit has one currency; what is open in others is named beside
it, and nobody can say that it is within the limit.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from crmkit import N_, Veto, find_currency_places, format_money
from crmkit_orders.reading import read_row, read_rows
from crmkit_orders.settings import Settings
from crmkit_orders.states import RUNNING

if TYPE_CHECKING:
    from crmkit import Context, SaveEvent, TransitionEvent

_ZERO = Decimal(0)
_CURRENCY = "custom.orders.credit_currency"


class Credit(NamedTuple):
    """Open orders of a client beside its limit.

    Attributes:
        limit: In `currency`.
        total: What is open in that currency.
        others: Currency to what is open in it; nothing is converted.
    """

    limit: Decimal
    currency: str
    total: Decimal
    others: dict[str, Decimal]

    @property
    def is_exceeded(self) -> bool:
        """Whether the limit does not reach, or nobody can tell that it does."""
        return self.total > self.limit or bool(self.others)


async def find_credit(ctx: Context, company: int, order: int) -> Credit | None:
    """Answer the credit of a client with an order that is being confirmed; None without a limit.

    A company's own limit is in its own currency; the site's where it names none, as that of the
    settings is.
    """
    row = await read_row(
        ctx,
        "SELECT custom -> 'orders' ->> 'credit_limit' AS own, "
        "custom -> 'orders' ->> 'credit_currency' AS currency FROM crm_company WHERE id = $1 "
        # Two orders of one client take turns, so that each sees the other.
        "FOR NO KEY UPDATE",
        company,
    )
    own = row["own"] if row is not None else None
    limit = Decimal(own) if own else Decimal(ctx.settings(Settings).credit_limit)
    if limit <= 0:
        return None
    currency = str((own and row and row["currency"]) or ctx.config.currency)
    rows = await read_rows(
        ctx,
        "SELECT coalesce(nullif(currency, ''), $4) AS currency, sum(gross) AS total "
        "FROM orders_order WHERE company = $1 AND trashed_at IS NULL "
        "AND (id = $2 OR state = ANY($3)) GROUP BY 1 ORDER BY 1",
        company, order, sorted(RUNNING), ctx.config.currency,
    )  # fmt: skip
    sums = {each["currency"]: each["total"] for each in rows if each["total"]}
    return Credit(limit, currency, sums.pop(currency, _ZERO), sums)


async def check_credit(event: TransitionEvent) -> None:
    """Refuse an order beyond the client's limit that nobody gives a reason for, or tell of it.

    Raises:
        Veto: It is so, and the settings say "block".
    """
    ctx, order = event.ctx, event.record
    credit = await find_credit(ctx, order["company"], event.record_id)
    if credit is None or not credit.is_exceeded:
        return
    amounts = {
        "sum": format_money(ctx, credit.total, credit.currency),
        "limit": format_money(ctx, credit.limit, credit.currency),
        "others": " + ".join(format_money(ctx, each, n) for n, each in credit.others.items()),
    }
    is_allowed = bool(str(order.get("credit_override") or "").strip())
    if ctx.settings(Settings).credit == "block" and not is_allowed:
        text = N_("The client's open orders would come to {sum}; the limit is {limit}.")
        if credit.others:
            text = N_(
                "The client's open orders would come to {sum} and, in other currencies, {others}; "
                "the limit is {limit}."
            )
        field = ctx.translate(N_("is needed to go beyond it; say why"))
        raise Veto(ctx.translate(text).format(**amounts), credit_override=field)
    if order["owner"]:
        text = N_("{order}: the client's open orders come to {sum}; the limit is {limit}.")
        if credit.others:
            text = N_(
                "{order}: the client's open orders come to {sum} and, in other currencies, "
                "{others}; the limit is {limit}."
            )
        await ctx.notify(
            [order["owner"]], "orders.credit", text,
            values={"order": str(order["number"]), **amounts}, entity="orders.order",
            record_id=event.record_id, key=f"credit:{event.record_id}",
        )  # fmt: skip


def check_limit(event: SaveEvent) -> None:
    """Refuse a currency of a company's limit that there is not.

    Raises:
        Veto: It is none of ISO 4217.
    """
    if event.entity.name != "crm.company" or not event.values.get(_CURRENCY):
        return
    code = str(event.values[_CURRENCY]).strip().upper()
    event.values[_CURRENCY] = code
    if find_currency_places(code) is None:
        text = event.ctx.translate(N_("is no currency; use a code such as EUR"))
        refused = event.ctx.translate(N_("The company was not saved."))
        raise Veto(refused, **{_CURRENCY: text})
