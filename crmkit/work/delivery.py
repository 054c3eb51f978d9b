"""The job that sends one message, written down before and after on a connection of its own."""

from __future__ import annotations

import asyncio
import contextvars
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from crmkit.errors import CrmkitError, UnavailableError
from crmkit.model.values import in_words
from crmkit.work.failures import text_of
from crmkit.work.mail.addresses import Mailbox
from crmkit.work.mail.composing import Draft, File, compose
from crmkit.work.mail.outcome import Outcome, SendResult
from crmkit.work.mail.sending import send
from crmkit.work.mail.session import MailboxError
from crmkit.work.mail_accounts import find_account, note_health
from crmkit.work.mail_oauth import access_token
from crmkit.work.outbox import queue_sending

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent
    from crmkit.work.mail_accounts import MailAccount

_log = structlog.get_logger("crmkit.mail")
_MOST_TRIES = 12
_MOST_MINUTES = 360.0
#: A wrong password is mended by a person, not by waiting.
_ACCOUNT_WAIT = timedelta(minutes=10)


async def send_mail(event: JobEvent) -> None:
    """Send a message once.

    That it is being sent is committed before the server hears of it. Whoever finds it so later
    knows that an earlier attempt was cut off, and that nobody knows whether the message left.
    """
    ctx, number = event.ctx, int(event.args["message"])
    taken = await _aside(
        ctx.db.row(
            "UPDATE core_message SET state = 'sending', updated_at = now() "
            "WHERE id = $1 AND state = 'waiting' RETURNING *",
            number,
        )
    )
    if taken is None:
        await _aside(
            ctx.db.execute(
                "UPDATE core_message SET state = 'unclear', "
                "error = 'The work ended while it was sent.' WHERE id = $1 AND state = 'sending'",
                number,
            )
        )
        return
    message = dict(taken)
    try:
        result = await _send(ctx, message)
    except asyncio.CancelledError:
        await asyncio.shield(_write(ctx, number, "unclear", error="The work was ended."))
        raise
    await _note(ctx, message, result)


async def _aside(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - what the work answers
    """Do it outside of the job's transaction: it stands whatever becomes of that."""
    return await asyncio.get_running_loop().create_task(work, context=contextvars.Context())


async def _send(ctx: Context, message: dict[str, Any]) -> SendResult:
    try:
        account = await find_account(ctx, message["account"] or 0)
        rows = await ctx.db.rows(
            "SELECT name, media_type, content, content_id FROM core_message_file "
            "WHERE message = $1 ORDER BY id",
            message["id"],
        )
        files = [File(**dict(row)) for row in rows]
        draft = await _draft(ctx, account, message, files)
        composed = await asyncio.to_thread(compose, draft)
        smtp = account.smtp(ctx, await access_token(ctx, account))
    except UnavailableError as error:
        # No token is as no password: no reason to give a message up.
        return SendResult(
            outcome=Outcome.TEMPORARY, text=error.message, stage="login",
            account_at_fault=isinstance(error, MailboxError) and error.account_at_fault,
        )  # fmt: skip
    except CrmkitError as error:
        return SendResult(outcome=Outcome.PERMANENT, text=text_of(error)[:500], stage="compose")
    return await send(smtp, composed.content, composed.sender, message["pending"])


async def _draft(
    ctx: Context, account: MailAccount, message: dict[str, Any], files: list[File]
) -> Draft:
    people = {
        name: [Mailbox(shown, address) for shown, address in pairs]
        for name, pairs in message["people"].items()
    }
    signature = await ctx.db.value(
        "SELECT mail_signature FROM core_user WHERE id = $1", message["created_by"]
    )
    return Draft(
        sender=Mailbox(account.name, account.address),
        to=people.get("to", ()),
        cc=people.get("cc", ()),
        bcc=people.get("bcc", ()),
        subject=message["subject"],
        text=message["body"],
        html=message["source_html"],
        signature=signature or "",
        files=files,
        message_id=message["message_id"],
        date=message["created_at"],
        in_reply_to=message["in_reply_to"],
        references=message["chain"],
        automatic=message["automatic"],
        stop_url=message["stop_url"],
    )


async def _note(ctx: Context, message: dict[str, Any], result: SendResult) -> None:
    """Write what became of it, and queue what is to be tried again."""
    number, account = message["id"], message["account"]
    # Who reads it later reads the site's language.
    result = msgspec.structs.replace(result, text=in_words(result.text, ctx.translate)[:500])
    again: list[str] = []
    if result.outcome is Outcome.ACCEPTED:
        again = [one.address for one in result.refused if not one.permanent]
        lost = ", ".join(f"{one.address}: {one.text}" for one in result.refused)
        await _write(ctx, number, "waiting" if again else "sent", error=lost, pending=again)
    elif result.outcome is Outcome.UNKNOWN:
        await _write(ctx, number, "unclear", error=result.text, pending=list(result.accepted))
    elif result.outcome is Outcome.PERMANENT or _is_last(message, result):
        await _write(ctx, number, "failed", error=result.text)
    else:
        again = message["pending"]
        tries = 0 if result.account_at_fault else 1
        await _write(ctx, number, "waiting", error=result.text, tries=tries)
    for one in result.refused:
        if one.permanent:
            await mark_bounced(ctx, one.address, one.text)
    if account:
        await _note_account(ctx, account, result)
        if again:
            wait = _ACCOUNT_WAIT if result.account_at_fault else _wait(message["tries"])
            await queue_sending(ctx, number, account, wait)
    _log.info("mail", message=number, outcome=str(result.outcome), code=result.code)


async def _note_account(ctx: Context, account: int, result: SendResult) -> None:
    """Write how the account fared: one whose server cannot be reached does not work either."""
    if result.outcome is Outcome.ACCEPTED:
        await note_health(ctx, account, what="sent")
    elif result.account_at_fault or result.stage in {"connect", "login"}:
        await note_health(ctx, account, error=result.text, what="sent")


def _is_last(message: dict[str, Any], result: SendResult) -> bool:
    """Say whether it was tried often enough; what the account is at fault for is not counted."""
    is_last: bool = message["tries"] + 1 >= _MOST_TRIES
    return is_last and not result.account_at_fault


def _wait(tries: int) -> timedelta:
    return timedelta(minutes=min(2.0**tries, _MOST_MINUTES))


async def _write(
    ctx: Context,
    number: int,
    state: str,
    *,
    error: str = "",
    pending: list[str] | None = None,
    tries: int = 0,
) -> None:
    await _aside(
        ctx.db.execute(
            "UPDATE core_message SET state = $2, error = $3, pending = coalesce($4, pending), "
            "tries = tries + $5, updated_at = now(), at = CASE WHEN $2 = 'sent' THEN now() "
            "ELSE at END WHERE id = $1 AND state IN ('sending', 'unclear')",
            number,
            state,
            error[:1000],
            pending,
            tries,
        )
    )


async def mark_bounced(ctx: Context, address: str, reason: str) -> None:
    """Write down that an address does not take mail."""
    await ctx.db.execute(
        "INSERT INTO core_mail_bounce (address, reason) VALUES (lower($1), $2) "
        "ON CONFLICT (address) DO UPDATE SET at = now(), reason = excluded.reason",
        address, reason[:500],
    )  # fmt: skip
