"""Rows of a list: nothing that people wrote becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from markupsafe import Markup

from crmkit.web.rows import rows_html
from crmkit.web.views import Avatar, BulkAction, Cell, Column, EntityLink, ListPage, Row

_EVIL = "<img src=x onerror=alert(1)>\"'&"
_ENTITY = EntityLink(name="crm.person", label="People", singular="Person", icon="user", url="/p")
_FACE = Avatar(initials=_EVIL, hue=1)


def _page(*cells: Cell, call: str | None = None, label: str = _EVIL) -> ListPage:
    row = Row(id="7", url=f"/p/{_EVIL}", cells=cells, label=label, call=call)
    columns = tuple(Column(name=f"c{n}", label="") for n in range(len(cells)))
    bulk = (BulkAction(name="trash", label="Move to trash"),)
    return ListPage(entity=_ENTITY, columns=columns, count="1", rows=(row,), bulk=bulk)


@pytest.mark.parametrize(
    "cell",
    [
        Cell(html=_EVIL),
        Cell(html=_EVIL, avatar=_FACE),
        Cell(html=_EVIL, url=_EVIL),
        Cell(html=_EVIL, url=_EVIL, avatar=_FACE),
        Cell(html=_EVIL, icon="phone", tone="warn"),
        Cell(html=_EVIL, tone="bad"),
    ],
)
def test_rows_escape_what_people_wrote(cell: Cell) -> None:
    page = _page(Cell(html=_EVIL, avatar=_FACE), cell, call=f"tel:{_EVIL}")
    text = rows_html(page, page.rows)

    found = _Elements()
    found.feed(text)
    assert {"tr", "td", "label", "input", "span", "a", "svg", "path"} >= found.tags
    assert not any(name.startswith("on") for name in found.attributes)
    assert _EVIL in found.texts


class _Elements(HTMLParser):
    """What a browser would make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _value in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_label_that_is_markup_stays_markup() -> None:
    badge = Markup('<span class="crm-badge">Won</span>')
    page = _page(Cell(html="Kan-code"), Cell(html=badge))
    assert badge in rows_html(page, page.rows)


def test_a_row_without_a_name_is_called_by_its_first_cell() -> None:
    page = _page(Cell(html=Markup("<b>Kan</b>-code")), label="")
    assert 'aria-label="Select Kan-code"' in rows_html(page, page.rows)


def test_a_row_lacks_the_cells_a_plugin_did_not_answer() -> None:
    page = _page(Cell(html="Kan-code"), Cell(html="x"))
    short = Row(id="8", url="/p/8", cells=(Cell(html="Labdrill"),), label="Labdrill")
    assert 1 == rows_html(page, (short,)).count("c-main")
