"""Fields of records as cells, as texts and as inputs."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, cast

from markupsafe import Markup, escape

from crmkit.access.predicate import allowed
from crmkit.model.kept import say_kept
from crmkit.model.money import amount_text
from crmkit.records.query import plain
from crmkit.web.format import format_date, format_moment, format_money, format_number
from crmkit.web.shell import avatar_of
from crmkit.web.translate import _
from crmkit.web.views import Cell, Column, EntityLink, FieldInput, Option, Tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan

_NUMERIC = frozenset({"number", "decimal", "money"})
#: Pixels of columns whose values are of one length; texts share what is left.
_WIDTHS = {
    "number": "110", "decimal": "110", "money": "110", "date": "116", "datetime": "150",
    "choice": "128", "checkbox": "80",
}  # fmt: skip
_INPUTS = {"decimal": "number", "currency": "text", "choice": "select"}


def show_text(ctx: Context, field: Field, record: Mapping[str, Any]) -> str:  # noqa: PLR0911 - one return a kind
    """Answer the value of a field as the reader writes it; "" when empty."""
    value = record[field.name]
    if value is None or value == "":
        return ""
    if field.kind == "reference":
        return _reference_text(field, record)
    if field.kind == "choice":
        return _(field.choice_label(str(value)))
    if field.kind == "checkbox":
        return _("Yes") if value in {True, "true"} else _("No")
    if field.kind == "money":
        currency = dict(record).get("currency") or ctx.config.currency
        return format_money(ctx, Decimal(value), str(currency))
    if field.kind in _NUMERIC and not field.grouped:
        return str(value)
    if field.kind in _NUMERIC:
        return format_number(ctx, value if isinstance(value, int) else Decimal(value))
    if isinstance(value, datetime):
        return format_moment(ctx, value)
    if isinstance(value, date):
        return format_date(ctx, value)
    return say_kept(ctx, str(value)) if field.said else field.shown(value)


def _reference_text(field: Field, record: Mapping[str, Any]) -> str:
    """Answer the title of what a reference names; its number while its plugin is off."""
    value = record[field.name]
    if field.sleeping:
        return _("%(what)s %(id)s (plugin off)") % {"what": field.sleeping, "id": value}
    if not field.reference:
        return str(value)
    title = record[f"{field.name}__title"]
    return _("hidden") if title is None else str(title)


#: What stands before the digits of an extension, in the ways people write it.
_EXTENSION = re.compile(r"(?:ext\.?|x|#|доб\.?)\s*(\d{1,8})\s*$", re.IGNORECASE)
#: A number within a text: only one that is written as such, since 2026 10 31 is a date.
_NUMBER = re.compile(r"(?<![\w+/.-])(?:\+|\(0?\d{2,5}\)|00[1-9])[\d\s().-]{5,20}\d(?![\w/])")
_FEWEST_DIGITS = 8
_MOST_DIGITS = 15


def phone_link(text: str) -> str:
    """Answer the address that calls a number, its extension dialled after it.

    Every number that is shown as a link is made one here.

    Args:
        text: As it was typed: "+1 (212) 555-0101 ext. 7".
    """
    found = _EXTENSION.search(text)
    number = text[: found.start()] if found else text
    number = re.split(r"[,;|]|\s/\s", number.strip())[0]
    digits = "".join(letter for letter in number if letter in "+0123456789*#")
    return f"tel:{digits}" + (f";ext={found[1]}" if found else "")


def find_number(text: str) -> str:
    """Answer the first telephone number within a text, "" when there is none."""
    for match in _NUMBER.finditer(text):
        if _FEWEST_DIGITS <= sum(letter.isdigit() for letter in match[0]) <= _MOST_DIGITS:
            return match[0]
    return ""


def with_numbers(text: str) -> Markup:
    """Answer a text whose telephone numbers are links; what is HTML already stays as it is."""
    if isinstance(text, Markup):
        return text
    made, rest = Markup(""), str(text)
    while number := find_number(rest):
        before, _number, rest = rest.partition(number)
        link = Markup('<a href="{}">{}</a>').format(phone_link(number), number)
        made += escape(before) + link
    return made + escape(rest)


def with_link(ctx: Context, field: Field, record: Mapping[str, Any]) -> str:
    """Answer the value as text, a number as a link that calls it."""
    text = show_text(ctx, field, record)
    if field.kind != "phone" or not text:
        return text
    return Markup('<a href="{}">{}</a>').format(link_of(field, record), text)


def link_of(field: Field, record: Mapping[str, Any]) -> str | None:
    """Answer where a value leads: a record, a call, a letter, a page."""
    value = record[field.name]
    if value in (None, ""):
        return None
    if field.kind == "reference":
        hidden = record.get(f"{field.name}__title", "") is None
        return f"/{field.reference}/{value}" if field.reference and not hidden else None
    if field.kind == "phone":
        return phone_link(str(value))
    if field.kind == "email":
        return f"mailto:{value}"
    if field.kind == "url" and str(value).startswith(("http://", "https://")):
        return str(value)
    return None


def show_html(ctx: Context, field: Field, record: Mapping[str, Any]) -> str:
    """Answer the value as text, a choice as its coloured label, a share with a bar."""
    text = show_text(ctx, field, record)
    if field.share_of and text and record.get(field.share_of):
        share = Decimal(record[field.name]) / Decimal(record[field.share_of])
        return escape(text) + _bar(share * 100)
    if field.kind == "choice" and text:
        return badge(field, str(record[field.name]))
    return text


def _bar(percent: Decimal) -> Markup:
    """Answer a bar that is full at 100 and turns red beyond."""
    wide = min(max(round(percent), 0), 100)
    tone = "bad" if percent > 100 else "info"  # noqa: PLR2004 - percent
    return Markup(
        '<svg class="crm-progress" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" '
        'aria-label="{} %"><rect class="rest" width="100" height="6"/>'
        '<rect class="{}" width="{}" height="6"/></svg>'
    ).format(round(percent), tone, wide)


def badge(field: Field, value: str) -> Markup:
    """Answer the coloured label of a choice."""
    hue = next((choice.hue for choice in field.choices if choice.value == value), 8)
    return _badge(hue, _(field.choice_label(value)))


@lru_cache(maxsize=1024)
def _badge(hue: int, label: str) -> Markup:
    """Answer it; a list shows a hundred of the same few, which took a tenth of its time."""
    return Markup('<span class="crm-badge hue-{}">{}</span>').format(hue, label)


def badge_tag(field: Field, value: str) -> Tag:
    """Answer the label of a choice for places that print tags."""
    hue = next((choice.hue for choice in field.choices if choice.value == value), 8)
    return Tag(label=_(field.choice_label(value)), hue=hue)


def cell_of(ctx: Context, field: Field, record: Mapping[str, Any], *, main: bool) -> Cell:
    """Answer a cell of a list; the main one leads to the record."""
    text = show_text(ctx, field, record)
    if main:
        return Cell(html=text or _("Without a name"), avatar=avatar_of(text))
    css = "num" if field.kind in _NUMERIC else ""
    if field.kind == "reference" and text:
        person = field.reference == "core.user"
        return Cell(
            html=text, css=css, url=link_of(field, record),
            avatar=avatar_of(text, square=not person),
        )  # fmt: skip
    if field.kind == "choice" and text:
        return Cell(html=badge(field, str(record[field.name])), css=css)
    return Cell(html=text, css=css, url=link_of(field, record))


def column_of(
    field: Field, place: str, sort_url: str | None, order: Literal["asc", "desc"] | None
) -> Column:
    """Answer the head of a column."""
    return Column(
        name=field.name,
        label=_(field.label),
        align="end" if field.kind in _NUMERIC else "start",
        kind=field.kind,
        place=place,
        width=_WIDTHS.get(field.kind),
        sort_url=sort_url,
        sorted=order,
        source=field.source or None,
    )


def raw_text(ctx: Context, field: Field, value: Any, currency: str = "") -> str:  # noqa: ANN401 - any stored value
    """Answer a stored value as an input holds it; an amount in the places of its currency."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(ctx.time_zone).strftime("%Y-%m-%dT%H:%M")
    if field.kind == "checkbox":
        return "1" if value in {True, "true"} else ""
    if field.kind == "money" and isinstance(value, Decimal):
        return amount_text(value, currency or ctx.config.currency)
    return str(plain(value))


def input_of(  # noqa: PLR0913 - what a form knows about one input
    ctx: Context,
    field: Field,
    value: str,
    *,
    display: str = "",
    error: str | None = None,
    conflict: str | None = None,
    currency: str = "",
    autofocus: bool = False,
) -> FieldInput:
    """Answer an input with the text to show again.

    Args:
        display: Title of the record a reference holds.
        conflict: What somebody else stored in between.
    """
    options: tuple[Option, ...] = ()
    if field.kind == "choice":
        options = tuple(
            Option(value=c.value, label=_(c.label), selected=c.value == value, hue=c.hue)
            for c in field.choices
        )
        if not field.required or not value:
            options = (Option(value="", label="", selected=not value), *options)
    elif field.kind == "reference":
        options = (Option(value="", label="", selected=not value),)
        if value:
            options += (Option(value=value, label=display or value, selected=True),)
    kind = cast("Any", _INPUTS.get(field.kind, field.kind))
    return FieldInput(
        name=field.name,
        label=_(field.label),
        kind=kind,
        value=value,
        display=display,
        options=options,
        required=field.required,
        help=_(field.help) or None,
        error=f"{_(field.label)} {_(error).rstrip('.')}." if error else None,
        conflict=conflict,
        remote_url=f"/{field.reference}/lookup" if field.reference else None,
        currency=(currency or ctx.config.currency) if field.kind == "money" else None,
        checked=bool(value) if field.kind == "checkbox" else False,
        wide=field.kind == "textarea",
        autofocus=autofocus,
        max_length=field.max_length,
        source=field.source or None,
    )


def entity_link(ctx: Context, plan: EntityPlan) -> EntityLink:
    """Answer the entity with the places the reader may go to."""
    url = f"/{plan.name}"

    def may(verb: Any) -> bool:  # noqa: ANN401
        return allowed(ctx, plan, verb)

    # What code alone writes is not entered by people.
    is_entered = "created" not in plan.silent
    return EntityLink(
        name=plan.name,
        label=_(plan.label),
        singular=_(plan.singular),
        icon=plan.icon,
        url=url,
        new_url=f"{url}/new" if is_entered and may("create") else None,
        board_url=f"{url}/board" if plan.board else None,
        import_url=f"{url}/import" if is_entered and may("import") else None,
        export_url=f"{url}/export" if may("export") else None,
        trash_url=f"{url}/trash" if may("delete") else None,
    )
