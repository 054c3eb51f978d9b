"""What activities, leads and opportunities say of a person or a lead, and emptying it.

A lead that became a person is the same human: its texts were copied to the person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import N_, erase_texts, predicate, remove_documents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context, PersonEvent

_PERSON, _LEAD = "crm.person", "crm.lead"
#: The leads a human was, of the person or the lead `$1`.
_LEADS = {
    _PERSON: "SELECT id FROM crm_lead WHERE person = $1",
    _LEAD: "SELECT id FROM crm_lead WHERE id = $1",
}
_ACTIVITIES = {
    _PERSON: f"t.person = $1 OR t.lead IN ({_LEADS[_PERSON]})",
    _LEAD: "t.lead = $1",
}
_SAID = {
    "crm.activity": ("subject", "body", "outcome"),
    _LEAD: ("name", "company_name", "email", "phone", "source", "notes"),
}


async def held_about(event: PersonEvent) -> Mapping[str, Any] | None:
    """Answer the texts of activities and, for a person, of the leads it was; None for others."""
    if event.entity not in _LEADS:
        return None
    found = {"activities": await _said(event, "crm.activity", _ACTIVITIES[event.entity])}
    if event.entity == _PERSON:
        found["leads"] = await _said(event, _LEAD, "t.person = $1")
    return found


async def _said(event: PersonEvent, entity: str, about: str) -> list[dict[str, Any]]:
    """Answer the texts of records, also of those in the trash, by id."""
    plan = event.ctx.site.entity(entity)
    allowed = predicate(event.ctx, plan, "read", "t", 2)
    rows = await event.ctx.db.rows(
        f"SELECT t.id, t.created_at, {', '.join(f't.{name}' for name in _SAID[entity])} "  # noqa: S608 - names of our own
        f"FROM {plan.tablename} t WHERE ({about}) AND ({allowed.text}) ORDER BY t.id",
        event.record_id,
        *allowed.args,
    )
    return [dict(row) for row in rows]


async def erase_about(event: PersonEvent) -> list[str] | None:
    """Empty the texts of activities and leads, and names of opportunities taken from the human.

    Rows the reader may not see are emptied as well. What an opportunity says besides its name
    belongs to the deal and stays; letters that were made of it name the person and go.

    Returns:
        For a lead, the person it became: that is a record of its own, to be erased by itself.
    """
    ctx, record_id = event.ctx, event.record_id
    if event.entity not in _LEADS:
        return None
    title = ctx.translate(N_("Erased person {number}")).format(number=record_id)
    await erase_texts(ctx, "crm.opportunity", await _named_after(event), title, only=("name",))
    activities = await _ids(
        ctx,
        f"SELECT t.id FROM crm_activity t WHERE {_ACTIVITIES[event.entity]}",  # noqa: S608
        record_id,
    )
    await erase_texts(ctx, "crm.activity", activities, ctx.translate(N_("Erased")))
    if event.entity == _PERSON:
        deals = await _ids(ctx, "SELECT id FROM crm_opportunity WHERE person = $1", record_id)
        await remove_documents(ctx, "crm.opportunity", deals)
        await erase_texts(ctx, _LEAD, await _ids(ctx, _LEADS[_PERSON], record_id), title)
        return None
    became = await ctx.db.value("SELECT person FROM crm_lead WHERE id = $1", record_id)
    if became is None:
        return None
    text = ctx.translate(N_("Person {number}, whom this lead became; erase that record as well"))
    return [text.format(number=became)]


async def _named_after(event: PersonEvent) -> list[int]:
    """Answer the opportunities of the human that bear the name of the person or of a lead."""
    return await _ids(
        event.ctx,
        f"WITH leads AS ({_LEADS[event.entity]}), "  # noqa: S608 - texts of our own
        "names AS (SELECT name_key FROM crm_lead WHERE id IN (SELECT id FROM leads) UNION "
        "SELECT name_key FROM crm_person WHERE id = $1 AND $2) "
        "SELECT t.id FROM crm_opportunity t WHERE t.name_key IN (SELECT name_key FROM names) "
        "AND (t.person = $1 AND $2 OR t.id IN (SELECT opportunity FROM crm_lead "
        "WHERE id IN (SELECT id FROM leads)))",
        event.record_id,
        event.entity == _PERSON,
    )


async def _ids(ctx: Context, sql: str, *args: Any) -> list[int]:  # noqa: ANN401 - SQL values
    return [row["id"] for row in await ctx.db.rows(sql + " ORDER BY 1", *args)]
