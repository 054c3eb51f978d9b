"""Values of a record for the places of a mail template, as the receiver writes them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crmkit.access.mail_templates import is_person, places_of, references_of
from crmkit.errors import ForbiddenError, NotFoundError
from crmkit.model.people import LANGUAGES
from crmkit.model.text_template import list_places, render_text
from crmkit.web.fields import show_text
from crmkit.web.translate import catalogue, catalogue_in_force
from crmkit.work.mail_templates import language_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crmkit.access.mail_templates import Groups
    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.work.mail_templates import MailTemplate

_SPOKEN = frozenset(choice.value for choice in LANGUAGES)


async def person_of(
    ctx: Context, plan: EntityPlan, record: Mapping[str, Any]
) -> tuple[EntityPlan, Mapping[str, Any]] | None:
    """Answer the person a record is of or with; None where the reader may see none."""
    if is_person(plan):
        return plan, record
    for field, target in references_of(ctx, plan):
        if is_person(target):
            found = await find_readable(ctx, target, record.get(field.name))
            return (target, found) if found is not None else None
    return None


async def receiver_language(
    ctx: Context, plan: EntityPlan, record: Mapping[str, Any], templates: list[MailTemplate]
) -> str:
    """Answer the language of who gets a message, of those there are versions in; "" for none."""
    found = await person_of(ctx, plan, record)
    noted = str((found[1] if found else record).get("language") or "")
    return language_code(noted, {each.language for each in templates})


async def find_readable(ctx: Context, plan: EntityPlan, number: Any) -> Mapping[str, Any] | None:  # noqa: ANN401 - of a row
    """Answer a record; None where there is none that the reader may see."""
    if not number:
        return None
    try:
        return await ctx.get(plan.name, number)
    except (NotFoundError, ForbiddenError):
        return None


async def fill_template(
    ctx: Context, plan: EntityPlan | None, record: Mapping[str, Any], template: MailTemplate
) -> tuple[str, str]:
    """Answer subject and text of a message begun with a template.

    Dates, money and choices are in the template's language. What the reader may not see stays
    empty, and so does all that is of a record where there is none.

    Raises:
        InvalidError: A place that the record does not have, by name; a plugin that is off had it.
    """
    wanted: dict[str, set[str]] = {}
    for place in list_places(f"{template.subject} {template.body}"):
        group, _dot, name = place.partition(".")
        wanted.setdefault(group, set()).add(name)
    groups = places_of(ctx, template.entity)
    with _speaking(ctx, template.language) as client:
        await _put(client, groups, wanted, plan, record)
    subject = " ".join(render_text(template.subject, groups).split())
    return subject, render_text(template.body, groups)


async def _put(
    ctx: Context,
    groups: Groups,
    wanted: Mapping[str, set[str]],
    plan: EntityPlan | None,
    record: Mapping[str, Any],
) -> None:
    """Put values into the places that a template names."""
    groups["site"]["name"] = ctx.config.name
    if "user" in wanted and ctx.user_id is not None:
        row = await ctx.db.row("SELECT name, email, phone FROM core_user WHERE id = $1",
                               ctx.user_id)  # fmt: skip
        groups["user"] |= dict(row) if row is not None else {}
    if plan is None:
        return
    if "record" in wanted:
        title = await _text(ctx, plan.title_field, record)
        found = await _texts(ctx, plan, record, wanted["record"])
        groups["record"] |= {"title": title} | found
    if "person" in wanted and (person := await person_of(ctx, plan, record)):
        groups["person"] |= await _texts(ctx, *person, wanted["person"])
    for field, target in references_of(ctx, plan):
        if field.name in wanted.keys() & groups.keys() - {"person", "record", "user", "site"}:
            other = await find_readable(ctx, target, record.get(field.name))
            if other is not None:
                groups[field.name] |= await _texts(ctx, target, other, wanted[field.name])


async def _texts(
    ctx: Context, plan: EntityPlan, record: Mapping[str, Any], names: set[str]
) -> dict[str, str | None]:
    return {
        name: await _text(ctx, field, record)
        for name, field in plan.fields.items()
        if name in names and name in record
    }


async def _text(ctx: Context, field: Field, record: Mapping[str, Any]) -> str:
    """Answer a value as the receiver writes it.

    Pages show the titles of all that a record refers to; what leaves the house is stricter.
    """
    if field.kind == "reference":
        plan = ctx.site.entities.get(field.reference or "")
        other = await find_readable(ctx, plan, record.get(field.name)) if plan is not None else None
        return await _text(ctx, plan.title_field, other) if plan and other is not None else ""
    return show_text(ctx, field, record)


@contextmanager
def _speaking(ctx: Context, language: str) -> Iterator[Context]:
    """Speak another language; one the pages do not speak writes dates alone."""
    spoken = language if language in _SPOKEN else "en"
    texts = catalogue(spoken, ctx.site)  # type: ignore[arg-type]
    before = catalogue_in_force.set(texts)
    try:
        yield replace(
            ctx,
            principal=replace(ctx.principal, language=language),
            translate=lambda text: texts.gettext(text) if text else "",
        )
    finally:
        catalogue_in_force.reset(before)
