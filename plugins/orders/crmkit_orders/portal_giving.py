"""The link of a client's page, for who works with the client: shown, sent, ended.

Whoever has it sees all quotes and orders of the client. So only who may see them all gives it, and
the mail stands with the client's latest quote or order, not with the client, whom more can read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import (
    N_,
    Action,
    ConflictError,
    Extension,
    InvalidError,
    Panel,
    _,
    format_full_date,
    send_mail,
    speaking,
)
from crmkit_orders.agreed import runs_on, today_of
from crmkit_orders.asking import Question
from crmkit_orders.mailing import client_link
from crmkit_orders.portal import find_client
from crmkit_orders.reading import read_row
from crmkit_orders.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit import Context
    from crmkit_orders.portal import Client

    Handler = Callable[..., Awaitable[str | None]]


#: What is on the page of a client: entity, and its table without the plugin's prefix.
_DOCUMENTS = (
    ("orders.order", "order"),
    ("orders.quote", "quote"),
    ("orders.agreement", "agreement"),
)


async def _documents(ctx: Context, kind: str, client: int) -> tuple[int, int, str, int]:
    """Answer how many documents a client has, how many of them the reader sees, and the latest."""
    question = Question(ctx)
    who = question.add(client)
    parts = [
        f"SELECT '{entity}' AS entity, t.id, t.updated_at, {question.may(entity)} AS seen "  # noqa: S608
        f"FROM orders_{table} t WHERE t.{kind} = {who}::bigint AND t.trashed_at IS NULL "
        "AND t.state <> 'draft'"
        for entity, table in _DOCUMENTS
    ]
    rows = await question.rows(
        "SELECT count(*) AS all, count(*) FILTER (WHERE seen) AS seen, "  # noqa: S608
        "(array_agg(entity ORDER BY updated_at DESC, id DESC))[1] AS entity, "
        "(array_agg(id ORDER BY updated_at DESC, id DESC))[1] AS id "
        f"FROM ({' UNION ALL '.join(parts)}) d"
    )
    row = rows[0]
    return row["all"], row["seen"], row["entity"] or "", row["id"] or 0


def _panel(kind: str) -> Callable[[Context, int], Awaitable[object]]:
    async def render(ctx: Context, client_id: int) -> object:
        question = Question(ctx)
        number = question.add(client_id)
        editable = await question.rows(
            f"SELECT 1 FROM crm_{kind} t WHERE t.id = {number}::bigint "  # noqa: S608 - a predicate
            f"AND {question.may(f'crm.{kind}', verb='edit')}"
        )
        if not editable:
            return ""
        there, seen, _entity, _record = await _documents(ctx, kind, client_id)
        client = await find_client(ctx, kind, client_id) if there and there == seen else None
        if client is None:
            return ""
        return ctx.render(
            "orders/link.html", url=client_link(ctx, kind, client.id, client.link),
            note=_("Whoever has it sees all quotes and orders of this client."),
        )  # fmt: skip

    return render


def _send(kind: str) -> Handler:
    async def send(
        ctx: Context, client_id: int, _data: None, _version: int | None = None
    ) -> str | None:
        """Send a client the link of his page.

        Raises:
            ConflictError: There is nothing on it, or some of it is not the sender's to see.
            InvalidError: Nobody's address is known.
        """
        entity, record = await _check_given(ctx, kind, client_id)
        client = await find_client(ctx, kind, client_id)
        if client is None or not client.email:
            text = N_("The client has no e-mail address. Enter one first.")
            raise InvalidError(ctx.translate(text))
        with speaking(ctx, client.language) as spoken:
            text = N_("here you find your quotes and orders at any time, and order again:")
            subject = spoken.translate(N_("Your quotes and orders"))
            await _mail(ctx, spoken, client, subject, spoken.translate(text), entity, record)
        return None

    return send


async def _check_given(ctx: Context, kind: str, client: int) -> tuple[str, int]:
    """Answer the latest document on the page of a client, where the reader may give the page.

    Raises:
        ConflictError: There is nothing on it, or some of it is not the reader's to see.
    """
    there, seen, entity, record = await _documents(ctx, kind, client)
    if not there:
        text = N_("There is nothing to see yet: no quote was sent, no order confirmed.")
        raise ConflictError(ctx.translate(text))
    if there != seen:
        text = N_("Some of this client's quotes or orders are not yours to see, so the page "
                  "is not yours to give. Ask somebody who sees all of them.")  # fmt: skip
        raise ConflictError(ctx.translate(text))
    return entity, record


async def send_agreement(
    ctx: Context, agreement_id: int, _data: None, _version: int | None = None
) -> str | None:
    """Send a client the link of his page for a blanket order that runs: its paper is there.

    Raises:
        ConflictError: It is not on the page, or the page is not the sender's to give.
        InvalidError: Nobody's address is known.
    """
    agreement = await ctx.get("orders.agreement", agreement_id)
    if not ctx.settings(Settings).clients_see_prices:
        text = N_("Clients do not see prices here, so the blanket order is not on their page. "
                  "Allow it in the settings of the plugin.")  # fmt: skip
        raise ConflictError(ctx.translate(text))
    if not runs_on(agreement, today_of(ctx)):
        text = N_("The blanket order does not run today, so the client would not find it.")
        raise ConflictError(ctx.translate(text))
    client = None
    for kind in ("person", "company"):
        if agreement[kind] and (client is None or not client.email):
            client = await find_client(ctx, kind, agreement[kind]) or client
    if client is None or not client.email:
        text = N_("The client has no e-mail address. Enter one at the person or the company.")
        raise InvalidError(ctx.translate(text))
    await _check_given(ctx, client.kind, client.id)
    last = agreement["valid_until"]
    with speaking(ctx, client.language) as spoken:
        told = N_("here is our blanket order {number}, to read, to print and to call off:")
        if last is not None:
            told = N_(
                "here is our blanket order {number}, valid until {day}, to read, to print and to "
                "call off:"
            )
        values = {"number": agreement["number"], "day": format_full_date(spoken, last or ctx.now())}
        subject = spoken.translate(N_("Blanket order %(number)s")) % values
        text = spoken.translate(told).format(**values)
        key = f"orders.agreement:{agreement_id}"
        await _mail(ctx, spoken, client, subject, text, "orders.agreement", agreement_id, key)
    return None


async def _mail(  # noqa: PLR0913, PLR0917 - what a mail is made of
    ctx: Context, spoken: Context, client: Client, subject: str, told: str, entity: str,
    record: int, key: str = "orders.client",
) -> None:  # fmt: skip
    lines = [
        spoken.translate(N_("Dear {name},")).format(name=client.name),
        told,
        client_link(ctx, client.kind, client.id, client.link),
        f"{spoken.translate(N_('Kind regards,'))}\n{ctx.config.name}",
    ]
    minute = ctx.now().strftime("%Y%m%d%H%M")  # a double click is one mail
    await send_mail(
        ctx, to=client.email, subject=subject, text="\n\n".join(lines), entity=entity,
        record=record, key=f"{key}:{client.kind}:{client.id}:{client.link}:{minute}",
    )  # fmt: skip


def _end(kind: str) -> Handler:
    async def end(
        ctx: Context, client_id: int, _data: None, _version: int | None = None
    ) -> str | None:
        """End all links to the page of a client; the next one that is given holds."""
        client = await ctx.get(f"crm.{kind}", client_id, "edit", lock=True)
        entity = f"orders.{kind}_page"
        row = await read_row(
            ctx,
            f"SELECT id, link FROM orders_{kind}_page WHERE {kind} = $1",  # noqa: S608 - of our own
            client_id,
        )
        link = (row["link"] if row is not None else 1) + 1
        name = str(client["name"])[:200]
        page = row["id"] if row else await ctx.create(entity, **{kind: client_id}, name=name)
        await ctx.derive(entity, page, link=link)
        return None

    return end


def _extension(kind: str) -> Extension:
    values: dict[str, Any] = {"quiet": True, "bulk": False, "undoable": False}
    return Extension(
        f"crm.{kind}",
        panels=[
            Panel(
                "page", N_("Client's page"), _panel(kind), order=45, permission="edit",
                hide_if_empty=True,
            )
        ],
        actions=[
            Action(
                "send-page", N_("Send client's page link"), _send(kind), icon="send",
                done=N_("Link of the client's page sent"), **values,
            ),
            Action(
                "end-page", N_("End client's page links"), _end(kind), icon="link-off",
                confirm=N_("Links that were sent to the client stop working."),
                done=N_("Links of the client's page ended"), **values,
            ),
        ],
    )  # fmt: skip


async def reorder_panel(ctx: Context, order_id: int) -> object:
    """Answer of which order a client made a draft on his page, and what he wrote."""
    question = Question(ctx)
    rows = await question.rows(
        "SELECT t.source, t.title, t.note, o.number FROM orders_reorder t "  # noqa: S608 - a predicate
        f'LEFT JOIN orders_order o ON o.id = t.source WHERE t."order" = {question.add(order_id)}'
        f"::bigint AND {question.may('orders.reorder')}"
    )
    if not rows:
        return ""
    row = rows[0]
    facts = [(_("Client"), row["title"], "")]
    if row["source"]:
        facts.append((_("Order"), row["number"], f"/orders.order/{row['source']}"))
    if row["note"]:
        facts.append((_("What the client wrote"), row["note"], ""))
    return ctx.render("orders/facts.html", facts=facts, tone="", slack="")


CLIENT_PAGES = (
    _extension("company"),
    _extension("person"),
    Extension(
        "orders.order",
        panels=[
            Panel(
                "reorder", N_("Ordered on the client's page"), reorder_panel, order=5,
                hide_if_empty=True,
            )
        ],
    ),
)  # fmt: skip
