"""Answers that a machine writes, and notices that found no account to leave by."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from crmkit.errors import ConflictError
from crmkit.model.values import N_
from crmkit.work.mail.kinds import is_daemon
from crmkit.work.mail.tokens import make_message_id
from crmkit.work.mail_accounts import find_account
from crmkit.work.outbox import id_domain, queue_mail, queue_sending, secret_of

if TYPE_CHECKING:
    from crmkit.model.context import Context

#: One address gets one answer of a reason in this time.
_ONCE_IN = timedelta(days=1)
_LOST = (
    "direction = 'out' AND state = 'failed' AND automatic AND account IS NULL "
    "AND trashed_at IS NULL"
)


async def answer_mail(
    ctx: Context, number: int, *, subject: str, text: str, reason: str
) -> int | None:
    """Answer a message that came in, as a machine: a receipt, a note of absence.

    A person is answered, never a machine (RFC 3834, 2), and one address at most once a day for
    each reason: two systems that answer each other stop after one message, even when the other
    does not say that it is one.

    Args:
        number: Of the message that is answered.
        reason: Why, such as "helpdesk.receipt".

    Returns:
        The number of the answer, None when there must be none.

    Raises:
        InvalidError: The subject cannot be used.
    """
    async with ctx.db.transaction():
        found = await ctx.db.row(
            "SELECT id, sender, account, message_id, chain, thread FROM core_message m "
            "WHERE id = $1 AND direction = 'in' AND answerable AND NOT EXISTS (SELECT FROM "
            "core_mail_account a WHERE lower(a.address) = lower(m.sender))",
            min(number, 2**62),
        )
        if found is None or not found["sender"] or is_daemon(found["sender"].lower()):
            return None
        # Written before it is sent, and by one statement: of two workers one answers.
        first = await ctx.db.value(
            "INSERT INTO core_mail_answer AS a (address, reason, at) VALUES (lower($1), $2, $3) "
            "ON CONFLICT (address, reason) DO UPDATE SET at = excluded.at "
            "WHERE a.at <= excluded.at - $4::interval RETURNING true",
            found["sender"], reason, ctx.now(), _ONCE_IN,
        )  # fmt: skip
        if first is None:
            return None
        return await queue_mail(
            ctx, to=found["sender"], subject=subject, text=text, key=f"{reason} {number}",
            answered=dict(found),
        )  # fmt: skip


async def count_lost(ctx: Context) -> int:
    """Count the notices that found no account to leave by."""
    return int(await ctx.db.value(f"SELECT count(*) FROM core_message WHERE {_LOST}"))  # noqa: S608 - our own text


async def resend_lost(ctx: Context) -> int:
    """Send every notice that found no account, now that there is one; answer how many.

    Raises:
        ConflictError: No account sends notices yet.
    """
    async with ctx.db.transaction():
        notices = await ctx.db.value(
            "SELECT id FROM core_mail_account WHERE sends_notices AND active"
        )
        if notices is None:
            raise ConflictError(
                ctx.translate(N_("No account sends notices. Mark a shared one: Sends notices."))
            )
        account = await find_account(ctx, notices)
        secret = await asyncio.to_thread(secret_of, ctx)
        rows = await ctx.db.rows(
            f"SELECT id FROM core_message WHERE {_LOST} ORDER BY id FOR UPDATE"  # noqa: S608 - as above
        )
        for row in rows:
            await ctx.db.execute(
                "UPDATE core_message SET state = 'waiting', error = '', tries = 0, account = $2, "
                "sender = $3, message_id = $4 WHERE id = $1",
                row["id"], account.id, account.address,
                make_message_id(secret, id_domain(account)),
            )  # fmt: skip
            await queue_sending(ctx, row["id"], account.id)
    return len(rows)
