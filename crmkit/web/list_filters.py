"""How people meet the filters of a list: what there is, and the chips of those in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import NotFoundError
from crmkit.model.list_filter import IN_DAYS, NOW, OPERATORS
from crmkit.plugin.filtering import AddedFilter
from crmkit.records.added_filters import filters_for
from crmkit.records.filters import NEXT_STEP, Filter
from crmkit.records.read import get_record
from crmkit.web.translate import _, ngettext
from crmkit.web.views import FilterChip, FilterField, Option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.web.list_url import ListState

_WITHOUT_VALUE = frozenset({"empty", "filled", "me"})


class Narrowing(msgspec.Struct, frozen=True):
    """What a list can be filtered by besides its fields, and what its chips need to be read.

    Attributes:
        added: Filters of plugins that the reader has.
        titles: "<field>:<id>" to title, for chips of references.
    """

    added: tuple[AddedFilter, ...] = ()
    titles: Mapping[str, str] = {}


async def narrowing_of(ctx: Context, plan: EntityPlan, state: ListState) -> Narrowing:
    """Answer what the toolbar of a list shows of filters."""
    return Narrowing(tuple(await filters_for(ctx, plan)), await _titles(ctx, plan, state))


async def _titles(ctx: Context, plan: EntityPlan, state: ListState) -> dict[str, str]:
    titles: dict[str, str] = {}
    for each in state.filters:
        field = plan.filter_field(each.field)
        if field is None or not field.reference or not each.value.isdecimal():
            continue
        if each.op not in {"is", "not"}:
            continue
        target = ctx.site.entity(field.reference)
        try:
            found = await get_record(ctx, target, int(each.value[:18]))
        except NotFoundError:
            continue  # the chip shows the number; the list is empty
        titles[f"{each.field}:{each.value}"] = str(found[target.title])
    return titles


def operator_labels() -> dict[str, str]:
    """Answer how people read the operators."""
    return {
        "is": _("is"), "not": _("is not"), "in": _("is one of"), "contains": _("contains"),
        "from": _("from"),
        "over": _("over"), "under": _("under"), "empty": _("is empty"), "filled": _("is filled"),
        "me": _("is me"),
        "recent": _("in the last … days"), "older": _("more than … days ago"),
        "coming": _("in the next … days"),
    }  # fmt: skip


def filter_chips(
    plan: EntityPlan, state: ListState, titles: Mapping[str, str]
) -> tuple[FilterChip, ...]:
    """Answer a chip for each filter in force."""
    return tuple(_chip(plan, state, each, titles) for each in state.filters)


def _chip(
    plan: EntityPlan, state: ListState, each: Filter, titles: Mapping[str, str]
) -> FilterChip:
    field = plan.filter_field(each.field)
    label = _(field.label) if field else each.field
    if each.field == NEXT_STEP:
        label = _("Next step")
    value = each.value
    if field is not None and field.kind == "choice":
        value = ", ".join(_(field.choice_label(part)) for part in value.split(","))
    if field is not None and field.kind == "datetime" and value == NOW:
        value = _("now")
    value = titles.get(f"{each.field}:{each.value}", value)
    text = operator_labels().get(each.op, each.op)
    if each.op in IN_DAYS and value.isdecimal():
        text, value = "", _days(each.op, int(value))
    rest = tuple(other for other in state.filters if other != each)
    return FilterChip(
        label=label if each.op == "is" else f"{label} {text}".rstrip(),
        value=value if each.op not in _WITHOUT_VALUE else "",
        remove_url=state.url(filters=rest),
    )


def _days(op: str, days: int) -> str:
    texts = {
        "recent": ngettext("in the last %(n)s day", "in the last %(n)s days", days),
        "older": ngettext("more than %(n)s day ago", "more than %(n)s days ago", days),
        "coming": ngettext("in the next %(n)s day", "in the next %(n)s days", days),
    }
    return texts[op] % {"n": days}


def filter_fields(plan: EntityPlan, added: Sequence[AddedFilter] = ()) -> tuple[FilterField, ...]:
    """Answer what a list can be filtered by: its fields, what plugins add, the next step."""
    found = [
        _filter(field, OPERATORS.get(field.kind, ()))
        for field in (plan.fields[name] for name in plan.filters)
    ]
    found += [_filter(each.field, each.operators, each.hint) for each in added]
    if plan.step_links:
        labels = operator_labels()
        operators = tuple(Option(value=op, label=labels[op]) for op in ("empty", "filled"))
        found.append(FilterField(name=NEXT_STEP, label=_("Next step"), operators=operators))
    return tuple(found)


def _filter(field: Field, operators: Sequence[str], hint: str = "") -> FilterField:
    labels = operator_labels()
    options = tuple(Option(value=c.value, label=_(c.label)) for c in field.choices)
    if field.kind == "checkbox":
        options = (Option(value="1", label=_("Yes")), Option(value="", label=_("No")))
    return FilterField(
        name=field.name,
        label=_(field.label),
        kind=field.kind,
        operators=tuple(
            Option(value=op, label=labels[op])
            for op in operators
            # People type a name; the address of one record comes from a link.
            if not (field.kind == "reference" and op in {"is", "not"})
            and not (op == "me" and field.reference != "core.user")
        ),
        options=options,
        source=field.source or None,
        hint=_(hint) if hint else "",
        in_days=tuple(op for op in operators if op in IN_DAYS),
    )
