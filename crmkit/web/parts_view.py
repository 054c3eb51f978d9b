"""Lines of a record as a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import may_use
from crmkit.records.parts import SentPart, list_parts
from crmkit.web.fields import input_of, raw_text, show_html, show_text
from crmkit.web.translate import _
from crmkit.web.views import PartsCell, PartsGrid, PartsRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.errors import InvalidError
    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan, PartsPlan
    from crmkit.web.views import FieldInput

_NUMERIC = frozenset({"number", "decimal", "money"})


async def parts_grids(
    ctx: Context, plan: EntityPlan, record: Mapping[str, Any]
) -> tuple[PartsGrid, ...]:
    """Answer a grid for each kind of parts that the reader may see."""
    shown = [
        parts for parts in plan.parts if await may_use(ctx, ctx.site.entity(parts.entity), "read")
    ]
    return tuple([await parts_grid(ctx, plan, parts, record) for parts in shown])


async def parts_grid(  # noqa: PLR0913 - what a refused save shows again
    ctx: Context,
    plan: EntityPlan,
    parts: PartsPlan,
    record: Mapping[str, Any],
    *,
    typed: Sequence[SentPart] = (),
    refused: InvalidError | None = None,
    note: str = "",
    stale: str = "",
    pasted: str = "",
) -> PartsGrid:
    """Answer the lines of a record; after a refused save with what was typed and what is wrong."""
    line: EntityPlan = ctx.site.entity(parts.entity)
    rows = await list_parts(ctx, parts, record["id"])
    locked = parts.locked(ctx, record) if parts.locked else ""
    editable = not locked and record["trashed_at"] is None and await may_use(ctx, plan, "edit")
    left_out = {name for name, asks in parts.offered.items() if not await asks(ctx, record["id"])}
    left_out |= {name for name, asks in parts.needed.items() if not any(map(asks, rows))}
    columns = tuple(name for name in parts.columns if name not in left_out)
    maker = _Rows(ctx, line, parts, columns, str(dict(record).get("currency") or ""), refused)
    sent = {each.id: each for each in typed if each.id is not None}
    made = [
        maker.row(row, place, sent.get(row["id"]), editable) for place, row in enumerate(rows, 1)
    ]
    if editable:
        fresh = [each for each in typed if each.id is None]
        made += [maker.fresh(each.place, each) for each in fresh]
        if not fresh:
            made.append(maker.fresh(len(rows) + 1, None))
    totals = await parts.totals(ctx, record["id"]) if parts.totals and rows else ()
    url = f"/{plan.name}/{record['id']}/parts/{parts.entity}"
    problems = refused.problems if refused else {}
    places = {f"{place}." for place in range(len(made) + 1)}
    loose = [text for name, text in problems.items() if not any(map(name.startswith, places))]
    return PartsGrid(
        id=f"parts-{parts.entity.replace('.', '-').replace('_', '-')}",
        label=_(parts.label),
        url=url,
        columns=tuple((_(line.fields[n].label), _css(line.fields[n])) for n in columns),
        rows=tuple(made),
        count=len(rows),
        totals=tuple((_(each.label), each.value, each.is_sum) for each in totals),
        editable=editable,
        locked=_(locked) if locked else "",
        paste_url=f"{url}/paste" if editable and parts.paste else None,
        pasted=pasted,
        file_url=f"{url}/file" if editable and parts.table else None,
        file_help=_(parts.table_help) if parts.table_help else "",
        errors=tuple(text for text in (stale, refused.message if refused else "", *loose) if text),
        note=note,
        empty="" if rows or editable else _("No lines yet"),
    )


def _css(field: Field) -> str:
    return "num" if field.kind in _NUMERIC else ""


class _Rows:
    """Makes rows of one grid."""

    def __init__(
        self, ctx: Context, plan: EntityPlan, parts: PartsPlan, columns: tuple[str, ...],
        currency: str, refused: InvalidError | None,
    ) -> None:  # fmt: skip
        self._ctx, self._plan, self._parts, self._columns = ctx, plan, parts, columns
        self._currency = currency
        self._problems = refused.problems if refused else {}

    def row(
        self,
        record: dict[str, Any],
        place: int,
        sent: SentPart | None,
        editable: bool,  # noqa: FBT001
    ) -> PartsRow:
        """Answer a stored line, with what was typed where its save was refused."""
        values = {"currency": self._currency, **record}
        typed = sent.raw if sent is not None else {}
        cells = [
            self._cell(name, number, place, values, typed.get(name), editable)
            for number, name in enumerate(self._columns)
        ]
        cells[0] = self._first(cells[0], place, values, typed, editable)
        version = record["version"] if sent is None or sent.version is None else sent.version
        return PartsRow(
            id=str(record["id"]), version=str(version), cells=tuple(cells),
            errors=self._errors(place), label=str(record[self._plan.title] or place),
            url=f"/{self._plan.name}/{record['id']}",
        )  # fmt: skip

    def fresh(self, place: int, sent: SentPart | None) -> PartsRow:
        """Answer an empty line, or one that was typed and refused."""
        typed = sent.raw if sent is not None else {}
        cells = [
            self._cell(name, number, place, None, typed.get(name, ""), editable=True)
            for number, name in enumerate(self._columns)
        ]
        # Under a line that has no product yet nothing is asked for.
        cells[0] = self._first(cells[0], place, None, typed, editable=sent is not None)
        return PartsRow(cells=tuple(cells), errors=self._errors(place), label=_("New line"))

    def _cell(
        self, name: str, number: int, place: int, record: dict[str, Any] | None,
        typed: str | None, editable: bool,  # noqa: FBT001
    ) -> PartsCell:  # fmt: skip
        field = self._plan.fields[name]
        css = _css(field) + (" first" if number == 0 else "")
        if not editable or not field.editable:
            html = show_html(self._ctx, field, record) if record is not None else ""
            return PartsCell(html=html, css=css)
        made, key = self._input(field, place, record, typed)
        return PartsCell(input=made, id=key, css=css)

    def _input(
        self, field: Field, place: int, record: dict[str, Any] | None, typed: str | None
    ) -> tuple[FieldInput, str]:
        """Answer an input of a line, and the id of its element."""
        name = field.name
        stored = (
            raw_text(self._ctx, field, record[name], self._currency) if record is not None else ""
        )
        shown = _short(field, stored)
        display = show_text(self._ctx, field, record) if field.reference and record else ""
        made = input_of(
            self._ctx, field, shown if typed is None else typed, display=display,
            error=self._problems.get(f"{place}.{name}"), currency=self._currency,
        )  # fmt: skip
        # Required is what a whole line needs, which the server says; an empty one is none.
        kind: Any = "select" if made.kind == "choice" else made.kind
        made = msgspec.structs.replace(made, required=False, help=None, kind=kind)
        key = f"{self._parts.entity}-{record['id'] if record else 'new'}-{name}"
        return made, key.replace(".", "-").replace("_", "-")

    def _first(
        self, cell: PartsCell, place: int, record: dict[str, Any] | None,
        typed: Mapping[str, str], editable: bool,  # noqa: FBT001
    ) -> PartsCell:  # fmt: skip
        """Answer the first cell of a line with what stands under it."""
        inputs, below = [], []
        for name in self._parts.below:
            field = self._plan.fields[name]
            if editable and field.editable:
                inputs.append(self._input(field, place, record, typed.get(name)))
            elif record is not None and (text := show_html(self._ctx, field, record)) != cell.html:
                below.append(text)
        return msgspec.structs.replace(
            cell, inputs=tuple(inputs), below=tuple(text for text in below if text)
        )

    def _errors(self, place: int) -> tuple[str, ...]:
        """Answer problems of a line, those of its cells with their labels."""
        found = []
        for key, text in self._problems.items():
            at, _dot, name = key.partition(".")
            if at == str(place):
                field = self._plan.field(name)
                label = _(field.label) if field else name
                found.append(f"{label} {_(text).rstrip('.')}." if label else text)
        return tuple(found)


def _short(field: Field, text: str) -> str:
    """Answer a decimal number without the zeros its column adds behind it."""
    if field.kind != "decimal" or "." not in text:
        return text
    whole, _point, rest = text.partition(".")
    digits = rest.rstrip("0")
    return f"{whole}.{digits}" if digits else whole


def read_sent(parts: PartsPlan, plan: EntityPlan, form: Mapping[str, Any]) -> list[SentPart]:
    """Answer the lines that a form sent; a new one without a word is none.

    Names are `<place>.<field>`; `<place>.id` and `<place>.version` say which line it is, `remove`
    and `up` name the place of the line whose button was pressed.
    """
    places: dict[int, dict[str, str]] = {}
    for key, value in form.items():
        at, _dot, name = str(key).partition(".")
        if at.isdecimal() and len(at) < 5:  # noqa: PLR2004 - more lines than can be sent
            places.setdefault(int(at), {})[name] = str(value)
    order = sorted(places)
    moved = str(form.get("up") or "")
    if moved.isdecimal() and int(moved) in order[1:]:
        index = order.index(int(moved))
        order[index - 1 : index + 1] = [order[index], order[index - 1]]
    made = []
    for place, number_sent in enumerate(order, 1):
        values = places[number_sent]
        number, version = values.pop("id", ""), values.pop("version", "")
        for name in (*parts.columns, *parts.below):
            field = plan.fields[name]
            if field.kind == "checkbox" and field.editable:
                values.setdefault(name, "")
        if not number and not any(text.strip() for text in values.values()):
            continue
        # What is no field stays, so that it is refused.
        raw = values if number else {name: text for name, text in values.items() if text.strip()}
        made.append(
            SentPart(
                id=int(number[:18]) if number.isdecimal() else None,
                version=int(version[:9]) if version.isdecimal() else None,
                raw=raw,
                place=place,
                removed=str(form.get("remove") or "") == str(number_sent),
            )
        )
    return made
