"""The job that answers who begins a conversation: a template in the sender's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from crmkit.access.mail_templates import is_person
from crmkit.errors import InvalidError
from crmkit.web.mail_fill import fill_template, find_readable, receiver_language
from crmkit.work.mail_answers import answer_mail
from crmkit.work.mail_receipts import receipt_templates
from crmkit.work.mail_templates import best_versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent
    from crmkit.plugin.plan import EntityPlan

_log = structlog.get_logger("crmkit.mail")


async def send_receipt(event: JobEvent) -> None:
    """Answer a message, unless the account answers no more or `answer_mail` must not."""
    ctx, number = event.ctx, int(event.args["message"])
    row = await ctx.db.row(
        "SELECT m.sender, m.subject, a.id AS account, a.receipt FROM core_message m "
        "JOIN core_mail_account a ON a.id = m.account WHERE m.id = $1 AND a.receipt <> ''",
        number,
    )
    if row is None:
        return
    versions = [each for each in await receipt_templates(ctx) if each.name == row["receipt"]]
    if not versions:
        _log.warning("no receipt", account=row["account"], template=row["receipt"])
        return
    plan, record = await _sender(ctx, number, row["sender"])
    language = await receiver_language(ctx, plan, record, versions) if plan else ""
    (template,) = best_versions(versions, language, ctx.config.language)
    try:
        subject, text = await fill_template(ctx, plan, record, template)
        await answer_mail(
            ctx, number, text=text, reason=f"core.receipt {row['account']}",
            subject=(subject or f"Re: {' '.join(row['subject'].split())}")[:500],
        )  # fmt: skip
    except InvalidError as error:
        # It would be wrong the next time as well, such as a place of a plugin that is off.
        _log.warning("no receipt", account=row["account"], reason=error.message)


async def _sender(
    ctx: Context, number: int, address: str
) -> tuple[EntityPlan | None, Mapping[str, Any]]:
    """Answer the person who wrote a message, nobody when the site does not know the address."""
    rows = await ctx.db.rows(
        "SELECT entity, record FROM core_message_link WHERE message = $1 ORDER BY entity, record",
        number,
    )
    for row in rows:
        plan = ctx.site.entities.get(row["entity"])
        record = await find_readable(ctx, plan, row["record"]) if plan else None
        if plan is None or record is None or not is_person(plan):
            continue
        own = [record.get(f.name) for f in plan.fields.values() if f.kind == "email"]
        if address.lower() in {str(each or "").lower() for each in own}:
            return plan, record
    return None, {}
