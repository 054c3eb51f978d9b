"""The bench's table: what counts as reached, and how it reads."""

from __future__ import annotations

import pytest

from bench.measure import Figures, percentile
from bench.rows import ALL, ONCE, PAGES
from bench.table import judge, make_table

LIST = PAGES[0]


def figures(p50: float, per_second: float | None = None) -> Figures:
    return Figures(p50=p50, p99=p50 * 2, per_second=per_second, statements=4, kib=12.25)


@pytest.mark.parametrize(
    ("own", "floor", "django", "verdict"),
    [
        (8.0, 4.0, 30.0, "ok"),
        (10.5, 6.0, 30.0, "over 10"),
        (8.0, 3.9, 30.0, "over 2x floor"),
        (8.0, 4.0, 7.9, "slower than Django"),
        (20.0, 4.0, 7.9, "over 10, over 2x floor, slower than Django"),
    ],
)
def test_a_row_is_ok_when_bar_floor_and_peer_are_reached(
    own: float, floor: float, django: float, verdict: str
) -> None:
    done = {"crmkit": figures(own), "floor": figures(floor), "django": figures(django)}

    assert verdict == judge(LIST, done)


def test_a_list_has_to_serve_eight_connections() -> None:
    assert "under 150/s" == judge(LIST, {"crmkit": figures(5, per_second=149)})
    assert "ok" == judge(LIST, {"crmkit": figures(5, per_second=150)})


def test_a_page_may_not_grow_with_the_rows() -> None:
    assert "grew over 1.3x" == judge(LIST, {"crmkit": figures(9.2)}, 7.0)
    assert "ok" == judge(LIST, {"crmkit": figures(9.0)}, 7.0)


def test_a_row_without_figures_is_not_reached() -> None:
    assert "not measured" == judge(LIST, {"floor": figures(1)})


def test_the_table_shows_measured_rows_in_the_order_of_the_papers() -> None:
    results = {
        ONCE[0].name: {"crmkit": figures(0.84)},
        LIST.name: {"crmkit": figures(8), "floor": figures(4), "django": figures(1234.5)},
    }

    head, rule, first, second = make_table(results).splitlines()

    assert {len(head)} == {len(rule), len(first), len(second)}
    cells = [cell.strip() for cell in first.strip("|").split("|")]
    assert ["list, first page", "seller", "ms", "8", "16", "", "4", "12.2"] == cells[:8]
    assert ["4", "2", "1,234", "10", "ok"] == cells[8:]
    assert "export of all people" in second
    assert " 0.84 " in second


def test_every_row_has_a_name_of_its_own() -> None:
    assert len(ALL) == len({row.name for row in ALL})


def test_the_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(1, 61)]

    assert 60.0 == percentile(values, 99)
    assert 30.0 == percentile(values, 50)
    assert 7.0 == percentile([7.0], 99)
