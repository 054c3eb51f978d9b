"""The table: figures beside bars, floor and peer, with a verdict for each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.measure import Figures
    from bench.rows import Row

#: Row name to system ("crmkit", "floor", "django") to what it did.
Results = dict[str, dict[str, "Figures"]]
_HEAD = (
    "action", "as", "unit", "p50", "p99", "actions/s", "statements", "KiB", "floor", "x floor",
    "Django", "bar", "verdict",
)  # fmt: skip


def judge(row: Row, done: Mapping[str, Figures], first: float | None = None) -> str:
    """Say whether a row reached its bars: "ok", "-" without any, or what was missed.

    Args:
        first: The p50 at the first size, when another one was measured.
    """
    own = done.get("crmkit")
    if own is None or own.p50 is None:
        return "not measured"
    missed = []
    if row.bar is not None and own.p50 > row.bar:
        missed.append(f"over {row.bar:g}")
    floor, peer = _p50(done, "floor"), _p50(done, "django")
    if row.is_page and floor is not None and own.p50 > rows.FLOOR_TIMES * floor:
        missed.append(f"over {rows.FLOOR_TIMES:g}x floor")
    if row.beats_peer and peer is not None and own.p50 > peer:
        missed.append("slower than Django")
    if row.rate is not None and own.per_second is not None and own.per_second < row.rate:
        missed.append(f"under {row.rate:g}/s")
    if row.is_page and first is not None and own.p50 > rows.GROWTH * first:
        missed.append(f"grew over {rows.GROWTH:g}x")
    if missed:
        return ", ".join(missed)
    return "ok" if row.bar is not None else "-"


def _p50(done: Mapping[str, Figures], system: str) -> float | None:
    return done[system].p50 if system in done else None


def _cells(row: Row, done: Mapping[str, Figures], first: float | None) -> tuple[str, ...]:
    own, floor = done["crmkit"], _p50(done, "floor")
    ratio = own.p50 / floor if own.p50 and floor else None
    return (
        row.title, row.user or "-", row.unit or "-", _number(own.p50), _number(own.p99),
        _number(own.per_second), _number(own.statements), _number(own.kib), _number(floor),
        _number(ratio), _number(_p50(done, "django")), _number(row.bar), judge(row, done, first),
    )  # fmt: skip


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if float(value).is_integer() or value >= 1000:  # noqa: PLR2004 - digits that say something
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 1 else f"{value:.1f}"


def make_table(results: Results, firsts: Results | None = None) -> str:
    """Lay out what was measured, rows in the papers' order, columns for a person's eyes.

    It is a table of Markdown, so that the documents can hold it as it is.

    Args:
        firsts: The results of the first size, when another one was measured.
    """
    lines: list[tuple[str, ...]] = [_HEAD]
    for row in rows.ALL:
        done = results.get(row.name, {})
        if "crmkit" in done:
            lines.append(_cells(row, done, _p50((firsts or {}).get(row.name, {}), "crmkit")))
    widths = [max(len(line[place]) for line in lines) for place in range(len(_HEAD))]
    text = [_line(line, widths) for line in lines]
    rule = "|".join("-" * (w + 2) if i < 2 else "-" * (w + 1) + ":" for i, w in enumerate(widths))  # noqa: PLR2004
    return "\n".join([text[0], f"|{rule}|", *text[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if place < 2 else cell.rjust(width)  # noqa: PLR2004 - words left
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"
