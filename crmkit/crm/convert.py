"""A lead becomes a person, a company and an opportunity, in one step that can be undone."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec

from crmkit import InvalidError, carry_over, predicate

if TYPE_CHECKING:
    from crmkit import Context


#: The column holds 16 digits before the point.
_TOO_MUCH = Decimal(10) ** 16


class ConvertLead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of the deal; an empty name makes no opportunity without an amount.

    Attributes:
        amount: In the site's currency.
    """

    opportunity: Annotated[str, msgspec.Meta(max_length=200)] = ""
    amount: Decimal | None = None


async def convert_lead(
    ctx: Context, lead_id: int, data: ConvertLead, version: int | None = None
) -> str:
    """Convert a lead and answer the address of the opportunity.

    A company of the same name and a person of the same e-mail address are taken when the reader
    may see them; activities follow to the person, the company and the opportunity.

    Raises:
        InvalidError: The amount is negative or too large.
        StaleVersionError: The lead changed since the page was shown.
    """
    if data.amount is not None and not 0 <= data.amount < _TOO_MUCH:
        message = "The lead was not converted."
        raise InvalidError(message, {"amount": "cannot be an amount; enter 0 or more"})
    lead = await ctx.get("crm.lead", lead_id, "edit")
    shared = {"owner": lead["owner"], "team": lead["team"]}
    company = await _company(ctx, lead, shared)
    person = await _person(ctx, lead, company, shared)
    name = data.opportunity.strip() or lead["company_name"] or lead["name"]
    values = {**shared, "name": name, "person": person, "company": company}
    if data.amount is not None:
        values["amount"] = data.amount
    opportunity = await ctx.create("crm.opportunity", **values)
    if lead["state"] != "qualified":
        version = await ctx.save("crm.lead", lead_id, version=version, state="qualified")
    await ctx.save(
        "crm.lead", lead_id, version=version, state="converted", person=person,
        opportunity=opportunity,
    )  # fmt: skip
    await _bring_activities(
        ctx, lead_id, {"person": person, "company": company, "opportunity": opportunity}
    )
    became = {"crm.person": person, "crm.company": company, "crm.opportunity": opportunity}
    for entity, record_id in became.items():
        if record_id is not None:
            await carry_over(ctx, "crm.lead", lead_id, entity, record_id)
    return f"/crm.opportunity/{opportunity}"


async def _company(ctx: Context, lead: dict[str, object], shared: dict[str, object]) -> int | None:
    name = str(lead["company_name"] or "").strip()
    if not name:
        return None
    plan = ctx.site.entity("crm.company")
    allowed = predicate(ctx, plan, "read", "t", 2)
    found: int | None = await ctx.db.value(
        "SELECT t.id FROM crm_company t WHERE t.name_key = lower(crm_unaccent($1)) "  # noqa: S608 - a predicate
        f"AND t.trashed_at IS NULL AND ({allowed.text}) ORDER BY t.id LIMIT 1",
        name,
        *allowed.args,
    )
    return found or await ctx.create("crm.company", name=name, source=lead["source"], **shared)


async def _person(
    ctx: Context, lead: dict[str, object], company: int | None, shared: dict[str, object]
) -> int:
    plan = ctx.site.entity("crm.person")
    allowed = predicate(ctx, plan, "read", "t", 2)
    found: int | None = await ctx.db.value(
        "SELECT t.id FROM crm_person t WHERE lower(t.email) = lower($1) AND $1 <> '' "  # noqa: S608 - a predicate
        f"AND t.trashed_at IS NULL AND ({allowed.text}) ORDER BY t.id LIMIT 1",
        str(lead["email"] or ""),
        *allowed.args,
    )
    if found is not None:
        return found
    same = {name: lead[name] for name in ("name", "email", "phone", "source")}
    return await ctx.create("crm.person", **same, company=company, **shared)


async def _bring_activities(ctx: Context, lead_id: int, targets: dict[str, int | None]) -> None:
    """Link the lead's activities that the person may edit."""
    allowed = predicate(ctx, ctx.site.entity("crm.activity"), "edit", "t", 2)
    rows = await ctx.db.rows(
        "SELECT t.id, t.person, t.company, t.opportunity FROM crm_activity t "  # noqa: S608 - a predicate
        f"WHERE t.lead = $1 AND t.trashed_at IS NULL AND ({allowed.text}) ORDER BY t.id",
        lead_id,
        *allowed.args,
    )
    for row in rows:
        empty = {name: value for name, value in targets.items() if value and row[name] is None}
        if empty:
            await ctx.save("crm.activity", row["id"], **empty)
