"""Receipts: what a shared mailbox answers by itself to who begins a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.job import JobOrder
from crmkit.model.values import N_
from crmkit.work.jobs import enqueue
from crmkit.work.mail_accounts import find_account
from crmkit.work.mail_templates import list_templates

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.work.mail_accounts import MailAccount
    from crmkit.work.mail_templates import MailTemplate

JOB = "core.send_receipt"


async def receipt_templates(ctx: Context) -> list[MailTemplate]:
    """List the templates that a receipt may be: those for any record, all languages."""
    return await list_templates(ctx, "")


async def choose_receipt(ctx: Context, number: int, name: str) -> None:
    """Let a shared account answer with a template, or with none.

    Args:
        name: Of the template, whose version in the sender's language is taken; "" answers nobody.

    Raises:
        NotFoundError: There is no such shared account.
        InvalidError: There is no such template for any record.
    """
    account = await find_account(ctx, number)
    if account.owner is not None:
        raise NotFoundError(ctx.translate(N_("There is no such mail account.")))
    if name and name not in {each.name for each in await receipt_templates(ctx)}:
        raise InvalidError(
            ctx.translate(N_("The mail account was not saved.")),
            {"receipt": ctx.translate(N_("does not fit; enter another value"))},
        )
    await ctx.db.execute("UPDATE core_mail_account SET receipt = $2 WHERE id = $1", number, name)


async def queue_receipt(ctx: Context, account: MailAccount, number: int) -> None:
    """Queue the receipt of a message that begins a conversation, where its account answers."""
    if account.receipt:
        # In order: of two messages of a person the first is answered.
        lane = f"receipts:{account.id}"
        await enqueue(ctx, JOB, [JobOrder(args={"message": number}, key=str(number), lane=lane)])
