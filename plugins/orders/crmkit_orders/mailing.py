"""What clients are told by mail, each thing once, in their language, with a link of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import (
    N_,
    InvalidError,
    format_full_date,
    format_money,
    send_mail,
    sign_link,
    speaking,
)
from crmkit_orders.reading import read_row
from crmkit_orders.step_names import present_step
from crmkit_orders.told import full_moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context

QUOTE_USE, ORDER_USE, CLIENT_USE = "orders.quote", "orders.order", "orders.client"
_RUSSIAN = ("ru", "рус")


async def client_of(ctx: Context, document: Mapping[str, Any]) -> tuple[str, str, str]:
    """Answer address, name and language of whom a document is for; "" is not known."""
    row = await read_row(ctx, "SELECT coalesce(nullif(p.email, ''), c.email, '') AS email, "
        "coalesce(nullif(p.name, ''), c.name, '') AS name, coalesce(p.language, '') AS language "
        "FROM (SELECT 1) one LEFT JOIN crm_person p ON p.id = $1 AND p.trashed_at IS NULL "
        "LEFT JOIN crm_company c ON c.id = $2 AND c.trashed_at IS NULL",
        document["person"], document["company"],
    )  # fmt: skip
    if row is None:
        return "", "", ""
    return row["email"], row["name"], spoken_language(row["language"])


def quote_link(ctx: Context, quote: int) -> str:
    """Answer the address at which a client reads and accepts a quote."""
    token = sign_link(ctx, QUOTE_USE, str(quote))
    return f"{_base(ctx)}/orders/quotes/{token}"


def status_link(ctx: Context, order: int, generation: int) -> str:
    """Answer the address at which a client sees where an order stands."""
    token = sign_link(ctx, ORDER_USE, f"{order}-{generation}")
    return f"{_base(ctx)}/orders/status/{token}"


def client_link(ctx: Context, kind: str, client: int, generation: int) -> str:
    """Answer the address of the page of a company or a person.

    Args:
        kind: company or person.
    """
    token = sign_link(ctx, CLIENT_USE, f"{kind}-{client}-{generation}")
    return f"{_base(ctx)}/orders/clients/{token}"


def spoken_language(noted: str) -> str:
    """Answer the language that is noted of a person, "" where crmkit does not speak it."""
    folded = noted.strip().lower()
    return "ru" if folded.startswith(_RUSSIAN) else "en" if folded.startswith("en") else ""


def _base(ctx: Context) -> str:
    server = ctx.config.server
    return server.base_url.rstrip("/") or f"http://{server.host}:{server.port}"


async def _reached(ctx: Context, document: Mapping[str, Any]) -> tuple[str, str, str]:
    """Answer address, name and language of who gets the mails of a document.

    Raises:
        InvalidError: Nobody's address is known.
    """
    found = await client_of(ctx, document)
    if not found[0]:
        text = N_("The client has no e-mail address. Enter one at the person or the company.")
        raise InvalidError(ctx.translate(text))
    return found


async def send_quote_mail(ctx: Context, quote: Mapping[str, Any]) -> None:
    """Send the link of a quote, once for each version.

    Raises:
        InvalidError: Nobody's address is known.
    """
    email, name, language = await _reached(ctx, quote)
    with speaking(ctx, language) as client:
        lines = [
            client.translate(N_("Dear {name},")).format(name=name),
            client.translate(N_("thank you for your interest. Here is our quote {number}:")).format(
                number=quote["number"]
            ),
            quote_link(ctx, quote["id"]),
            client.translate(N_("Total: {amount}. You can accept it there until {day}.")).format(
                amount=format_money(client, quote["gross"], quote["currency"]),
                day=format_full_date(client, quote["valid_until"]),
            ),
        ]
        if quote["note"]:
            lines.append(quote["note"])
        subject = client.translate(N_("Quote {number}")).format(number=quote["number"])
        await _send(ctx, client, email, subject, lines, "orders.quote", quote["id"], "sent")


async def send_confirmation(ctx: Context, order: Mapping[str, Any], changes: str = "") -> bool:
    """Thank for an order and say by when, once for each amendment; False without an address.

    Args:
        changes: Of an amendment, a line for each.
    """
    email, name, language = await client_of(ctx, order)
    if not email:
        return False
    with speaking(ctx, language) as client:
        thanks = N_("thank you for your order {number}. You will get it by {moment}.")
        if changes:
            thanks = N_("your order {number} has changed. You will get it by {moment}.")
        lines = [
            client.translate(N_("Dear {name},")).format(name=name),
            client.translate(thanks).format(
                number=order["number"], moment=full_moment(client, order["promised_at"])
            ),
        ]
        if changes:
            lines.append(changes)
        lines += _status_lines(ctx, client, order)
        subject = client.translate(N_("Order {number}")).format(number=order["number"])
        key = f"confirmation:{order['amendment'] or 0}"
        await _send(ctx, client, email, subject, lines, "orders.order", order["id"], key)
    return True


async def send_status(ctx: Context, order: Mapping[str, Any]) -> None:
    """Send the link to the status page of an order once more; a double click is one mail.

    Raises:
        InvalidError: Nobody's address is known.
    """
    email, name, language = await _reached(ctx, order)
    with speaking(ctx, language) as client:
        lines = [client.translate(N_("Dear {name},")).format(name=name)]
        step = await present_step(client, order["id"])
        if step:
            text = client.translate(N_("this is where your order {number} is now: {step}."))
            lines.append(text.format(number=order["number"], step=step))
        lines += _status_lines(ctx, client, order)
        subject = client.translate(N_("Order {number}")).format(number=order["number"])
        key = f"status:{ctx.now():%Y%m%d%H%M}"
        await _send(ctx, client, email, subject, lines, "orders.order", order["id"], key)


async def tell_promise(ctx: Context, order: Mapping[str, Any]) -> bool:
    """Tell the client of another moment and why, once for each; False without an address."""
    email, name, language = await client_of(ctx, order)
    if not email:
        return False
    with speaking(ctx, language) as client:
        lines = [
            client.translate(N_("Dear {name},")).format(name=name),
            client.translate(
                N_("your order {number} will come by {moment}, not as promised before.")
            ).format(number=order["number"], moment=full_moment(client, order["promised_at"])),
        ]
        if order["promise_reason"]:
            lines.append(order["promise_reason"])
        lines += _status_lines(ctx, client, order)
        subject = client.translate(N_("New date of your order {number}")).format(
            number=order["number"]
        )
        key = f"promise:{order['promised_at'].isoformat()}"
        await _send(ctx, client, email, subject, lines, "orders.order", order["id"], key)
    return True


async def tell_shipped(
    ctx: Context, order: Mapping[str, Any], delivery: Mapping[str, Any], goods: str
) -> bool:
    """Tell the client that goods are on their way, once for each delivery."""
    email, name, language = await client_of(ctx, order)
    if not email:
        return False
    with speaking(ctx, language) as client:
        lines = [
            client.translate(N_("Dear {name},")).format(name=name),
            client.translate(N_("this part of your order {number} is on its way:")).format(
                number=order["number"]
            ),
            goods,
        ]
        if delivery["carrier"] or delivery["tracking"]:
            lines.append(" ".join((delivery["carrier"], delivery["tracking"])).strip())
        lines += _status_lines(ctx, client, order)
        subject = client.translate(N_("Delivery {number}")).format(number=delivery["number"])
        key = f"shipped:{delivery['id']}"
        await _send(ctx, client, email, subject, lines, "orders.order", order["id"], key)
    return True


def _status_lines(ctx: Context, client: Context, order: Mapping[str, Any]) -> list[str]:
    link = status_link(ctx, order["id"], order["link"] or 1)
    return [f"{client.translate(N_('Where it stands, at any time:'))}\n{link}"]


async def _send(  # noqa: PLR0913, PLR0917 - what a mail is made of
    ctx: Context, client: Context, to: str, subject: str, lines: list[str], entity: str,
    record: int, key: str,
) -> None:  # fmt: skip
    closing = client.translate(N_("Kind regards,"))
    text = "\n\n".join([*lines, f"{closing}\n{ctx.config.name}"])
    await send_mail(
        ctx, to=to, subject=subject, text=text, key=f"{entity}:{record}:{key}", entity=entity,
        record=record,
    )  # fmt: skip
