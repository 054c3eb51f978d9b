"""Rows of a list to HTML, in Python: in a template they took half of the page's time."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from crmkit.web.assets import icon
from crmkit.web.translate import _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.web.views import Cell, Column, ListPage, Option, Row


def rows_html(page: ListPage, rows: Sequence[Row]) -> Markup:
    """Answer the `<tr>` elements of rows under the columns of a page.

    A theme that wants other rows overrides `list.html` and writes them from `Row.cells`.
    """
    heads = [_cell_head(column) for column in page.columns]
    call = _("Call %(name)s")
    select = _("Select %(name)s") if page.bulk else ""
    return Markup("".join(_row(row, heads, select, call) for row in rows))  # noqa: S704 - escaped


def _cell_head(column: Column) -> str:
    align = "" if column.align == "start" else f" {column.align}"
    return f'<td role="cell" class="c-{column.place}{align}'


def _row(row: Row, heads: list[str], select: str, call: str) -> str:
    main, *cells = row.cells
    url = escape(row.url)
    name = row.label or escape(main.html).striptags()
    parts = [f'\n<tr role="row" id="row-{row.id}" data-url="{url}">']
    if select:
        checked = " checked" if row.selected else ""
        parts.append(
            '<td role="cell" class="c-sel"><label class="crm-hit"><input class="form-check-input" '
            f'type="checkbox" name="ids" value="{row.id}" '
            f'aria-label="{escape(select % {"name": name})}"{checked}></label></td>'
        )
    parts.append(
        f'<td role="cell" class="main c-main {main.css}"><span class="crm-cell">'
        f'{_avatar(main, "")}<a class="clip" href="{url}">{escape(main.html)}</a></span></td>'
    )
    # A plugin's column may lack its cell in a row it did not answer for.
    for head, cell in zip(heads[1:], cells, strict=False):
        parts.append(_cell(head, cell))
    if row.call:
        sign = icon("phone" if row.call.startswith("tel:") else "mail")
        parts.append(
            '<td role="cell" class="c-act d-md-none"><a class="btn btn-secondary btn-icon" '
            f'href="{escape(row.call)}" aria-label="{escape(call % {"name": name})}">{sign}</a>'
            "</td>"
        )
    parts.append("</tr>")
    return "".join(parts)


def _cell(head: str, cell: Cell) -> str:
    text = escape(cell.html)
    css = f" {cell.css}" if cell.css else ""
    if cell.avatar or cell.icon:
        sign = _avatar(cell, " s20") if cell.avatar else icon(cell.icon or "")
        words = f'<span class="clip">{text}</span>'
        if cell.url:
            words = f'<a class="clip" href="{escape(cell.url)}">{text}</a>'
        return f'{head}{css}"><span class="crm-cell plain {cell.tone}">{sign}{words}</span></td>'
    if cell.url:
        link = f'<a class="plain {cell.tone}" href="{escape(cell.url)}">{text}</a>'
        return f'{head}{css}">{link}</td>'
    if cell.tone:
        return f'{head}{css}"><span class="{cell.tone}">{text}</span></td>'
    return f'{head}{css}">{text}</td>'


def _avatar(cell: Cell, size: str) -> str:
    face = cell.avatar
    if face is None:
        return ""
    square = " sq" if face.square else ""
    return (
        f'<span class="crm-av{square}{size} hue-{face.hue}" aria-hidden="true">'
        f"{escape(face.initials)}</span>"
    )


@lru_cache(maxsize=512)
def options_html(options: tuple[Option, ...], value: str) -> Markup:
    """Make what a select offers; each line of a grid offers the same thirty units."""
    made, chosen = Markup('<option value="{}"{}>{}</option>'), Markup(" selected")
    return Markup("").join(
        made.format(o.value, chosen if o.selected or o.value == value else "", o.label)
        for o in options
    )
