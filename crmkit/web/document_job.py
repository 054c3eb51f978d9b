"""The job that makes a document: values in the client's language, then typesetting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from babel.dates import format_date

from crmkit.errors import CrmkitError
from crmkit.model.values import N_
from crmkit.plugin.events import ErrorEvent
from crmkit.web.guests import speaking
from crmkit.work.documents import apart, find_template, keep, note_failure, typeset

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.model.document import DocumentTemplate
    from crmkit.model.job import JobEvent

_log = structlog.get_logger("crmkit.documents")
_STEPS = 2
_PAGE = N_("Page {page} of {pages}")


async def render_document(event: JobEvent) -> None:
    """Make a document that was ordered.

    What is wrong with a template or its values stands with the document: trying again would not
    mend it. Where the database fails, the job is tried again as every one.
    """
    ctx, number = event.ctx, event.args["document"]
    row = await ctx.db.row(
        "SELECT name, entity, record FROM core_document WHERE id = $1 AND state = 'ordered' "
        "FOR UPDATE",
        number,
    )
    if row is None:
        return  # it was removed meanwhile, or made by an attempt before
    event.progress(0, _STEPS)
    try:
        template, folder = find_template(ctx.site, row["name"])
        language, data = await apart(ctx, _data_of(ctx, template, row["record"]))
        event.progress(1, _STEPS)
        content = await asyncio.to_thread(typeset, folder, template.template, data, ctx.now())
    except CrmkitError as error:
        _log.warning("document not made", document=row["name"], reason=error.message)
        await note_failure(ctx, number, error.message)
        return
    except Exception as error:  # noqa: BLE001 - whatever the values of a plugin raise
        _log.error("document not made", document=row["name"], exc_info=error)
        await note_failure(ctx, number, f"{row['name']}: its values cannot be read: {error!r}")
        told = ErrorEvent(f"document {row['name']}", error)
        await ctx.site.hooks.collect("on_error", told)
        return
    await keep(ctx, number, language, content)
    event.progress(_STEPS, _STEPS)


async def _data_of(
    ctx: Context, template: DocumentTemplate, record: int
) -> tuple[str, dict[str, Any]]:
    """Answer the language of a document, and all that its template prints."""
    # Who may no longer read the record gets no document of it.
    await ctx.get(template.entity, record, template.permission)
    wanted = await template.language(ctx, record) if template.language is not None else ""
    with speaking(ctx, wanted) as client:
        values = await template.values(client, record)
        label, page = client.translate(template.label), client.translate(_PAGE)
    language = client.language
    today = ctx.now().astimezone(ctx.config.zone).date()
    data = {
        "title": label,
        "language": language,
        "date": format_date(today, "long", locale=language),
        "site": {"name": ctx.config.name, "address": ctx.config.address},
        "texts": {"page": page},
        "values": dict(values),
    }
    # By the way of JSON, so that decimals and dates are texts wherever they stand.
    return language, msgspec.json.decode(msgspec.json.encode(data))
