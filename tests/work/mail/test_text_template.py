from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from crmkit.errors import InvalidError
from crmkit.model.text_template import list_places, render_text

VALUES = {
    "person": {"name": "Anna <Snelling>", "title": None},
    "amount": Decimal("12.50"),
    "due": date(2026, 3, 3),
    "count": 3,
}


def test_places_are_filled() -> None:
    told = render_text(
        "Dear {{ person.name }}{{person.title}}, {{amount}} {{ due }} {{count}}", VALUES
    )

    assert "Dear Anna <Snelling>, 12.50 2026-03-03 3" == told


def test_html_is_escaped() -> None:
    assert "<p>Anna &lt;Snelling&gt;</p>" == render_text(
        "<p>{{ person.name }}</p>", VALUES, html=True
    )


def test_a_value_is_never_read_again() -> None:
    assert "{{ count }}" == render_text("{{ a }}", {"a": "{{ count }}", "count": 3})


def test_all_unknown_names_are_named() -> None:
    with pytest.raises(InvalidError) as caught:
        render_text("{{ nobody }} {{ person.age }}", VALUES)

    assert {"nobody", "person.age"} == set(caught.value.problems)
    assert "there are: name, title" in caught.value.message


@pytest.mark.parametrize(
    "name",
    ["person.__class__", "person.name.upper", "count.real", "7*7", "''.join", "person['name']",
     "person", "self", "config", "a.b.c.d.e.f.g.h", "", "person.name | upper", "cycler.__init__"],
)  # fmt: skip
def test_nothing_but_values_can_be_reached(name: str) -> None:
    with pytest.raises(InvalidError):
        render_text(f"{{{{ {name} }}}}", VALUES)


@pytest.mark.parametrize(
    "text", ["{% for x in y %}", "{# note #}", "{ name }", "{{{{", "}}", "${x}"]
)
def test_other_marks_are_text(text: str) -> None:
    assert text == render_text(text, VALUES)


def test_a_value_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidError, match="no text"):
        render_text("{{ x }}", {"x": object()})


def test_a_text_does_not_grow_without_end() -> None:
    with pytest.raises(InvalidError, match="longer"):
        render_text("{{ x }}" * 2000, {"x": "y" * 1000})


def test_places_are_listed_once() -> None:
    assert ["a", "b.c"] == list_places("{{ a }} {{ b.c }} {{a}}")
