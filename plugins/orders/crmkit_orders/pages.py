"""Pages that clients reach by a signed link: their quote, and where their order stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import (
    ConflictError,
    FromPath,
    InvalidError,
    NotFoundError,
    Request,
    Response,
    Veto,
    _,
    answer,
    get,
    go,
    guest_context,
    post,
    read_link,
)
from crmkit_orders.choosing import read_choice
from crmkit_orders.client_pages import order_status, quote_page
from crmkit_orders.mailing import ORDER_USE, QUOTE_USE, client_of
from crmkit_orders.quoting import accept_quote, refuse_quote
from crmkit_orders.reading import read_row
from crmkit_orders.totals import quote_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context
    from crmkit_orders.reading import Row

_GONE, _CONFLICT, _WRONG = 410, 409, 422
_EMPTY: Mapping[str, Any] = {}


def nowhere() -> NotFoundError:
    """Answer what is said of a link that is none of ours."""
    return NotFoundError(_("This link leads nowhere. Ask whoever sent it for a new one."))


async def open_quote(request: Request[Any, Any, Any], token: str) -> tuple[Context, Row]:
    """Answer the quote a token names, and a context in the client's language.

    Raises:
        NotFoundError: The token is none of ours, or the quote is gone.
    """
    ctx = guest_context(request)
    subject = read_link(ctx, QUOTE_USE, token)
    quote = await read_row(
        ctx,
        "SELECT * FROM orders_quote WHERE id = $1 AND trashed_at IS NULL AND state <> 'draft'",
        int(subject) if subject is not None and subject.isdecimal() else 0,
    )
    if quote is None:
        raise nowhere()
    _email, _name, language = await client_of(ctx, quote)
    return guest_context(request, language), quote


async def show_quote(
    request: Request[Any, Any, Any], token: str, problem: str = "", status: int = 200,
    form: Mapping[str, Any] = _EMPTY,
) -> Response[str]:  # fmt: skip
    """Answer the page of a quote.

    Args:
        problem: Why what was sent was refused.
        form: What was entered: a name, and what is chosen of the options.
    """
    ctx, quote = await open_quote(request, token)
    page = await quote_page(ctx, quote, form)
    if page["ended"] and not problem:
        status = _GONE
    title = _("Quote %(number)s") % {"number": quote["number"]}
    return answer(
        request, "orders/quote.html", title=title, block="sums", status=status, page=page,
        problem=problem, typed=str(form.get("name") or "")[:200], url=f"/orders/quotes/{token}",
        is_asked="asked" in request.query_params,
    )  # fmt: skip


@get("/orders/quotes/{token:str}", policy="public")
async def quote_show(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
    """Show a quote to the client it was sent to."""
    return await show_quote(request, token)


@post("/orders/quotes/{token:str}/total", policy="public", status_code=200)
async def quote_total(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
    """Show what a quote comes to with the ticked options; nothing is kept."""
    return await show_quote(request, token, form=await request.form())


@post("/orders/quotes/{token:str}/acceptance", policy="public")
async def quote_accept(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
    """Accept a quote; sent again, it is the same acceptance."""
    ctx, quote = await open_quote(request, token)
    form = await request.form()
    name = str(form.get("name") or "").strip()[:200]
    choice = read_choice(ctx, await quote_rows(ctx, quote["id"]), form)
    problem = "" if name else _("Enter your name: it says who accepted.")
    if problem or choice.problems:
        said = " ".join([*choice.problems.values(), *([problem] if problem else [])])
        return await show_quote(request, token, said, _WRONG, form)
    address = request.client.host if request.client else "unknown"
    try:
        async with ctx.db.transaction():
            await accept_quote(ctx, quote["id"], name, address, choice.taken)
    except (ConflictError, InvalidError, Veto) as error:
        return await show_quote(request, token, error.message, _CONFLICT, form)
    return go(request, f"/orders/quotes/{token}")


@post("/orders/quotes/{token:str}/refusal", policy="public")
async def quote_refuse(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[Any]:
    """Refuse a quote, with or without a reason."""
    ctx, quote = await open_quote(request, token)
    reason = str((await request.form()).get("reason") or "").strip()[:300]
    try:
        await refuse_quote(ctx, quote["id"], reason)
    except (ConflictError, InvalidError, Veto) as error:
        return await show_quote(request, token, error.message, _CONFLICT)
    return go(request, f"/orders/quotes/{token}")


@get("/orders/status/{token:str}", policy="public")
async def status_show(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
    """Show a client where an order stands."""
    ctx = guest_context(request)
    number, _dash, generation = (read_link(ctx, ORDER_USE, token) or "").partition("-")
    order = await read_row(
        ctx,
        "SELECT * FROM orders_order WHERE id = $1 AND trashed_at IS NULL AND state <> 'draft'",
        int(number) if number.isdecimal() else 0,
    )
    if order is None:
        raise nowhere()
    _email, _name, language = await client_of(ctx, order)
    ctx = guest_context(request, language)
    is_ended = generation != str(order["link"] or 1)
    title = _("Order") if is_ended else _("Order %(number)s") % {"number": order["number"]}
    page = None if is_ended else await order_status(ctx, order)
    return answer(
        request, "orders/status.html", title=title, status=_GONE if is_ended else 200, page=page
    )


HANDLERS = (quote_show, quote_total, quote_accept, quote_refuse, status_show)
