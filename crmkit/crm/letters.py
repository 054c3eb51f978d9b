"""The offer letter of an opportunity: what the template `documents/offer_letter.typ` prints."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import N_, DocumentTemplate, NotFoundError, _, format_money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context

_RUSSIAN = ("ru", "рус")


async def language_of_client(ctx: Context, opportunity: int) -> str:
    """Answer the language of the person the opportunity is with; "" when nobody noted it."""
    person = (await ctx.get("crm.opportunity", opportunity))["person"]
    if not person:
        return ""
    try:
        noted = str((await ctx.get("crm.person", person))["language"]).strip().lower()
    except NotFoundError:
        return ""  # not the reader's to see
    return "ru" if noted.startswith(_RUSSIAN) else "en" if noted.startswith("en") else ""


async def offer_values(ctx: Context, opportunity: int) -> Mapping[str, Any]:
    """Answer recipient, table and sentences of an offer, in the language of the client."""
    record = await ctx.get("crm.opportunity", opportunity)
    company = await _read(ctx, "crm.company", record["company"])
    person = str(record["person__title"] or "") if record["person"] else ""
    amount = format_money(ctx, record["amount"] or Decimal(0), record["currency"])
    place = [company.get(name, "") for name in ("name", "address", "city", "country")]
    return {
        "recipient": "\n".join(line for line in (place[0], person, *place[1:]) if line),
        "greeting": _("Dear %(name)s,") % {"name": person} if person else _("Dear customer,"),
        "intro": _("thank you for your interest. We are glad to offer you:"),
        "columns": [_("Description"), _("Amount")],
        "rows": [[record["name"], amount]],
        "total_label": _("Total"),
        "total": amount,
        "notes": "",
        "closing": _("We look forward to your answer."),
        "signature": str(record["owner__title"] or ctx.config.name),
    }


async def _read(ctx: Context, entity: str, record_id: int | None) -> Mapping[str, Any]:
    """Answer a record, or nothing where there is none that the reader may see."""
    if not record_id:
        return {}
    try:
        return await ctx.get(entity, record_id)
    except NotFoundError:
        return {}


OFFER_LETTER = DocumentTemplate(
    "offer_letter",
    "crm.opportunity",
    N_("Offer letter"),
    offer_values,
    template="offer_letter.typ",
    language=language_of_client,
)
