"""The address of an API list to the question the lists of pages ask, strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.errors import InvalidError
from crmkit.records.query import count_records, list_records
from crmkit.web.api.values import show_row
from crmkit.web.list_url import LONGEST_SEARCH, MOST_FILTERS, parse_state
from crmkit.web.translate import _

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

MOST = 200
_DEFAULT = 50
_KNOWN = frozenset({"columns", "f", "sort", "q", "after", "before", "count", "limit", "trashed"})
_LONGEST_TOKEN = 2000


async def read_page(ctx: Context, plan: EntityPlan, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Answer a page of a list: rows, marks of the pages beside it, the count when asked for.

    Raises:
        InvalidError: A parameter is unknown or does not fit; names it.
    """
    values = dict(pairs)
    _check(plan, pairs)
    state = parse_state("", pairs)
    query = state.query(plan, trashed=values.get("trashed") == "true")
    query = msgspec.structs.replace(query, limit=_limit(values.get("limit")))
    listing = await list_records(ctx, plan, query)
    page: dict[str, Any] = {
        "rows": [show_row(ctx, plan, dict(row), query.columns) for row in listing.rows],
        "next": listing.next_token or None,
        "prev": listing.prev_token or None,
    }
    if "count" in values:
        count = await count_records(ctx, plan, query)
        page["count"] = {"number": count.number, "capped": count.capped}
    return page


def _check(plan: EntityPlan, pairs: list[tuple[str, str]]) -> None:
    problems: dict[str, str] = {}
    for name, value in pairs:
        if name not in _KNOWN:
            problems[name[:80]] = _("is not known here")
        elif (name == "columns" and value not in plan.fields) or (name == "sort" and not value):
            problems[name] = _("names no field: %(name)s") % {"name": value[:80]}
        elif name in {"count", "trashed"} and value not in {"true", "false"}:
            problems[name] = _("is neither true nor false")
        elif name in {"after", "before"} and not 0 < len(value) <= _LONGEST_TOKEN:
            problems[name] = _("is no mark of a page")
    if sum(name == "f" for name, _value in pairs) > MOST_FILTERS:
        problems["f"] = _("stands more than 20 times")
    if any(name == "q" and len(value) > LONGEST_SEARCH for name, value in pairs):
        problems["q"] = _("is longer than 200 characters")
    if {"after", "before"} <= {name for name, _value in pairs}:
        problems["before"] = _("excludes `after`; send one of them")
    if problems:
        raise InvalidError(_("The list was not read."), problems)


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0  # noqa: PLR2004
    if not 1 <= number <= MOST:
        raise InvalidError(_("The list was not read."), {"limit": _("is not between 1 and 200")})
    return number
