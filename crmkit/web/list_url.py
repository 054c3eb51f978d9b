"""The state of a list is its URL: read from it, and written back with one thing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from crmkit.model.list_filter import IN_DAYS
from crmkit.records.filters import NEXT_STEP, Filter
from crmkit.records.query import PAGE_SIZE, ListQuery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.plugin.plan import EntityPlan
    from crmkit.web.views import Pair

MOST_FILTERS = 20
LONGEST_SEARCH = 200


class ListState(msgspec.Struct, frozen=True, kw_only=True):
    """What the URL says.

    Attributes:
        filters: (field, operator, value), written `f=field:op:value`.
        sort: Field name, with a leading minus downwards.
        page: Token of the page; `back` says it is the end of the page before.
    """

    path: str
    columns: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    sort: str = ""
    group: str = ""
    search: str = ""
    page: str = ""
    back: bool = False
    count_all: bool = False

    def pairs(self) -> tuple[Pair, ...]:
        """Answer the state as hidden inputs; the page is left out."""
        pairs: list[Pair] = [("columns", name) for name in self.columns]
        pairs += [("f", f"{each.field}:{each.op}:{each.value}") for each in self.filters]
        given = (("sort", self.sort), ("group", self.group), ("q", self.search))
        return (*pairs, *((name, value) for name, value in given if value))

    def url(self, **changes: object) -> str:
        """Answer the URL with some of it changed; any change but of the page goes to page one."""
        state = msgspec.structs.replace(
            self, **{"page": "", "back": False, "count_all": False, **changes}
        )
        pairs = list(state.pairs())
        if state.page:
            pairs.append(("before" if state.back else "after", state.page))
        if state.count_all:
            pairs.append(("count", "all"))
        return state.path + (f"?{urlencode(pairs)}" if pairs else "")

    def query(self, plan: EntityPlan, *, trashed: bool = False) -> ListQuery:
        """Answer the question to the database."""
        return ListQuery(
            columns=self.shown(plan),
            filters=self.filters,
            sort=self.order(plan).lstrip("-"),
            descending=self.order(plan).startswith("-"),
            token=self.page,
            backwards=self.back,
            limit=PAGE_SIZE,
            search=self.search,
            trashed=trashed,
        )

    def order(self, plan: EntityPlan) -> str:
        """Answer the field the list is sorted by, with a leading minus downwards."""
        return self.sort or (f"-{plan.order}" if plan.is_newest_first else plan.order)

    def shows_steps(self, plan: EntityPlan) -> bool:
        """Say whether the next step is a column; of records with a lifecycle it is by default."""
        if not plan.step_links or self.group:
            return False
        return NEXT_STEP in self.columns if self.columns else plan.lifecycle is not None

    def shown(self, plan: EntityPlan) -> tuple[str, ...]:
        """Answer the columns to show, the title always first."""
        chosen = tuple(name for name in self.columns if name in plan.fields)
        if not chosen:
            return plan.list
        return (plan.title, *(name for name in dict.fromkeys(chosen) if name != plan.title))


def parse_state(path: str, pairs: Iterable[tuple[str, str]]) -> ListState:
    """Read the state from the pairs of a query or a form; unknown names are ignored."""
    values: dict[str, str] = {}
    columns: list[str] = []
    filters: list[Filter] = []
    for name, value in pairs:
        if name == "columns":
            columns.append(value)
        elif name == "f":
            field, op, text = (*value.split(":", 2), "", "")[:3]
            filters.append(Filter(field, op, text))
        else:
            values[name] = value
    if values.get("add"):
        op = values.get("op", "is")
        value = values.get("days" if op in IN_DAYS else "value", values.get("value", ""))
        filters.append(Filter(values["add"], op, value))
    return ListState(
        path=path,
        columns=tuple(columns),
        filters=tuple(dict.fromkeys(filters[:MOST_FILTERS])),
        sort=values.get("sort", ""),
        group=values.get("group", ""),
        search=values.get("q", "")[:LONGEST_SEARCH],
        page=values.get("after", "") or values.get("before", ""),
        back="before" in values,
        count_all=values.get("count") == "all",
    )
