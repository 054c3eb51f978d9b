"""The page of a client, reached by a signed link: open quotes, orders, papers, ordering again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import (
    ConflictError,
    DocumentError,
    FromPath,
    InvalidError,
    NotFoundError,
    Request,
    Response,
    Veto,
    _,
    answer,
    current_document,
    format_full_date,
    get,
    go,
    guest_context,
    post,
    read_link,
)
from crmkit_orders.calling import waiting_call
from crmkit_orders.mailing import CLIENT_USE
from crmkit_orders.pages import nowhere
from crmkit_orders.portal import PAPERS, client_page, find_client, paper_record
from crmkit_orders.portal_calls import call_by_client, callable_lines, find_agreement
from crmkit_orders.reordering import find_source, preview, reorder, waiting_draft
from crmkit_orders.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context
    from crmkit_orders.portal import Client

_GONE, _CONFLICT = 410, 409
_MADE = 202  # the paper is being made


async def _client(request: Request[Any, Any, Any], token: str) -> tuple[Context, Client | None]:
    """Answer whose page a token names, in his language; None when the link has ended.

    Raises:
        NotFoundError: The token is none of ours, or the client is gone.
    """
    ctx = guest_context(request)
    kind, number, link = [*(read_link(ctx, CLIENT_USE, token) or "").split("-"), "", "", ""][:3]
    client = None
    if kind in {"company", "person"} and number.isdecimal():
        client = await find_client(ctx, kind, int(number[:18]))
    if client is None:
        raise nowhere()
    return guest_context(request, client.language), client if link == str(client.link) else None


def _ended(request: Request[Any, Any, Any]) -> Response[str]:
    return answer(request, "orders/client.html", title=_("Your orders"), status=_GONE, page=None)


@get("/orders/clients/{token:str}", policy="public")
async def client_show(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
    """Show a client what is open and what was ordered."""
    ctx, client = await _client(request, token)
    if client is None:
        return _ended(request)
    page = await client_page(ctx, client, f"/orders/clients/{token}")
    ordered = request.query_params.get("ordered", "")
    # Only a draft that waits is thanked for, whatever the address says.
    made = page["past"] + page["open"] + page["agreements"]
    thanks = ordered if ordered in {each["waiting"] for each in made} else ""
    return answer(request, "orders/client.html", title=_("Your orders"), page=page, thanks=thanks)


async def _show_again(
    request: Request[Any, Any, Any], token: str, number: int, problem: str = "", typed: str = ""
) -> Response[Any]:
    ctx, client = await _client(request, token)
    if client is None:
        return _ended(request)
    source = await find_source(ctx, client, number)
    if source is None:
        raise nowhere()
    waiting = await waiting_draft(ctx, number)
    return answer(
        request, "orders/client_again.html",
        title=_("Order %(number)s again") % {"number": source["number"]},
        status=_CONFLICT if problem else 200,
        number=source["number"], seller=ctx.config.name, lines=await preview(ctx, source),
        sees_prices=ctx.settings(Settings).clients_see_prices,
        currency=source["currency"] or ctx.config.currency, waiting=waiting, problem=problem,
        typed=typed, back=f"/orders/clients/{token}",
        url=f"/orders/clients/{token}/orders/{number}",
    )  # fmt: skip


@get("/orders/clients/{token:str}/orders/{number:int}", policy="public")
async def again_show(
    request: Request[Any, Any, Any], token: FromPath[str], number: FromPath[int]
) -> Response[Any]:
    """Show a client what he would order again, and what has another price by now."""
    return await _show_again(request, token, number)


@post("/orders/clients/{token:str}/orders/{number:int}", policy="public")
async def again_create(
    request: Request[Any, Any, Any], token: FromPath[str], number: FromPath[int]
) -> Response[Any]:
    """Order again: a draft that a colleague confirms; sent again, it is the same draft."""
    ctx, client = await _client(request, token)
    if client is None:
        return _ended(request)
    if await find_source(ctx, client, number) is None:
        raise nowhere()
    note = str((await request.form()).get("note") or "").replace("\x00", "").strip()
    try:
        draft = await reorder(ctx, client, number, note)
    except (ConflictError, InvalidError, Veto) as error:
        return await _show_again(request, token, number, error.message, note)
    return go(request, f"/orders/clients/{token}?ordered={draft}")


async def _show_call(
    request: Request[Any, Any, Any], token: str, number: int, typed: Mapping[str, str],
    error: ConflictError | InvalidError | Veto | None = None,
) -> Response[Any]:  # fmt: skip
    ctx, client = await _client(request, token)
    if client is None:
        return _ended(request)
    agreement = await find_agreement(ctx, client, number)
    if agreement is None:
        raise nowhere()
    until = agreement["valid_until"]
    return answer(
        request, "orders/client_call.html",
        title=_("Blanket order %(number)s") % {"number": agreement["number"]},
        status=_CONFLICT if error else 200, number=agreement["number"], seller=ctx.config.name,
        until=format_full_date(ctx, until) if until else "",
        lines=await callable_lines(ctx, number),
        currency=agreement["currency"] or ctx.config.currency,
        waiting=await waiting_call(ctx, number), problem=error.message if error else "",
        problems=error.problems if isinstance(error, InvalidError) else {}, typed=typed,
        note=typed.get("note", ""), back=f"/orders/clients/{token}",
        url=f"/orders/clients/{token}/agreements/{number}",
    )  # fmt: skip


@get("/orders/clients/{token:str}/agreements/{number:int}", policy="public")
async def call_show(
    request: Request[Any, Any, Any], token: FromPath[str], number: FromPath[int]
) -> Response[Any]:
    """Show a client what is left of a blanket order, and ask how much is wanted."""
    return await _show_call(request, token, number, {})


@post("/orders/clients/{token:str}/agreements/{number:int}", policy="public")
async def call_create(
    request: Request[Any, Any, Any], token: FromPath[str], number: FromPath[int]
) -> Response[Any]:
    """Call off: a draft that a colleague confirms; sent again, it is the same draft."""
    ctx, client = await _client(request, token)
    if client is None:
        return _ended(request)
    if await find_agreement(ctx, client, number) is None:
        raise nowhere()
    form = await request.form()
    typed = {str(name): str(text).replace("\x00", "").strip() for name, text in form.items()}
    wanted = {
        name.partition(".")[2][:18]: text[:30]
        for name, text in typed.items()
        if name.startswith("quantities.")
    }
    try:
        draft = await call_by_client(ctx, client, number, wanted, typed.get("note", ""))
    except (ConflictError, InvalidError, Veto) as error:
        return await _show_call(request, token, number, typed, error)
    return go(request, f"/orders/clients/{token}?ordered={draft}")


@get("/orders/clients/{token:str}/papers/{kind:str}/{number:int}", policy="public")
async def paper_show(
    request: Request[Any, Any, Any], token: FromPath[str], kind: FromPath[str],
    number: FromPath[int],
) -> Response[Any]:  # fmt: skip
    """Send a paper of a document; one that is being made comes by itself."""
    ctx, client = await _client(request, token)
    if client is None:
        return _ended(request)
    record = await paper_record(ctx, client, kind, number) if kind in PAPERS else None
    if record is None:
        raise nowhere()
    try:
        content = await current_document(ctx, PAPERS[kind][1], number, record["updated_at"])
    except DocumentError as error:
        raise NotFoundError(error.message) from error
    if content is None:
        return answer(
            request, "orders/client_paper.html", title=str(record["number"]), status=_MADE,
            back=f"/orders/clients/{token}",
        )  # fmt: skip
    name = "".join(each for each in str(record["number"]) if each.isalnum() or each in "-_")
    disposition = f'attachment; filename="{name or number}.pdf"'
    return Response(
        content, media_type="application/pdf", headers={"Content-Disposition": disposition}
    )


PORTAL = (client_show, again_show, again_create, call_show, call_create, paper_show)
