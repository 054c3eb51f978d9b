"""Rules of mail templates that hold for every door, and the places they may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel import Locale, UnknownLocaleError

from crmkit.errors import InvalidError
from crmkit.model.mail_template import MAIL_TEMPLATE
from crmkit.model.text_template import render_text
from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.events import SaveEvent
    from crmkit.plugin.plan import EntityPlan

#: Group of places to names of it; None is a place that nothing stands in.
Groups = dict[str, dict[str, str | None]]
_LONGEST_BODY = 100_000


def tidy_template(event: SaveEvent) -> None:
    """Write the texts of a mail template one way."""
    if event.entity.name != MAIL_TEMPLATE:
        return
    for name in ("name", "entity", "language", "subject", "body"):
        if event.values.get(name):
            event.values[name] = str(event.values[name]).replace("\r\n", "\n").strip()


def problems_of_template(event: SaveEvent) -> Mapping[str, str]:
    """Answer what is wrong with a mail template, by field."""
    if event.entity.name != MAIL_TEMPLATE:
        return {}
    ctx = event.ctx
    text = {name: str(value or "") for name, value in {**event.before, **event.values}.items()}
    problems = {}
    known = not text.get("entity") or text["entity"] in ctx.site.entities
    if not known:
        problems["entity"] = ctx.translate(N_("does not fit; enter another value"))
    if len(text.get("body", "")) > _LONGEST_BODY:
        problems["body"] = ctx.translate(N_("is too long"))
    try:
        Locale.parse(text.get("language", ""))
    except (ValueError, UnknownLocaleError):
        problems["language"] = ctx.translate(N_("is no code of a language, such as de"))
    places = places_of(ctx, text.get("entity", "") if known else "")
    for name in ("subject", "body"):
        try:
            render_text(text.get(name, ""), places)
        except InvalidError as error:
            problems[name] = error.message.rstrip(".")
    return problems


def places_of(ctx: Context, entity: str) -> Groups:
    """Answer all places of templates for an entity's records, empty; "" is for any record.

    `record` is the record itself, each reference of it a group of its own, `person` whom the
    record is of or with.
    """
    groups: Groups = {
        "user": dict.fromkeys(("name", "email", "phone")),
        "site": dict.fromkeys(("name",)),
    }
    if not entity:
        people = [plan for plan in ctx.site.entities.values() if is_person(plan)]
        groups["person"] = {name: None for plan in people for name in _names(plan)}
        groups["record"] = dict.fromkeys(("title",))
        return groups
    plan: EntityPlan = ctx.site.entity(entity)
    groups["record"] = dict.fromkeys(("title", *_names(plan)))
    if is_person(plan):
        groups["person"] = dict.fromkeys(_names(plan))
    for field, target in references_of(ctx, plan):
        groups.setdefault(field.name, dict.fromkeys(_names(target)))
        if is_person(target):
            groups.setdefault("person", dict.fromkeys(_names(target)))
    return groups


def is_person(plan: EntityPlan) -> bool:
    """Say whether records of an entity are people outside the house."""
    return bool(plan.person) and plan.plugin != "core"


def _names(plan: EntityPlan) -> list[str]:
    """List what may be filled of a record; of users and teams what one tells others of them."""
    if plan.plugin == "core":
        return [name for name in ("name", "email", "phone") if name in plan.fields]
    return [name for name in plan.fields if "." not in name]


def references_of(ctx: Context, plan: EntityPlan) -> list[tuple[Field, EntityPlan]]:
    """List the fields of an entity that refer to records, whose places a template may name."""
    return [
        (field, ctx.site.entities[field.reference])
        for field in plan.fields.values()
        if field.reference in ctx.site.entities
        and field.reference not in ctx.site.guarded
        and "." not in field.name
    ]
