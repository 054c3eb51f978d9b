"""Filters of plugins: each row they look at is one that the reader may see.

What stands in a list would else tell of what does not: whoever filters companies by orders of more
than a million would learn of orders that are hidden from him.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import structlog

from crmkit.access.predicate import may_use, predicate, title_condition
from crmkit.errors import CrmkitError, HookFailedError, InvalidError
from crmkit.model.values import N_
from crmkit.records.conditions import compare, titled_ids

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.filtering import AddedFilter
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.statement import Statement

_ALIAS = re.compile(r"[a-su-z][a-z]{0,20}")
#: The operator that is asked instead, and whose answer is turned round.
_OPPOSITE = {"not": "is", "empty": "filled"}
_MONEY = re.compile(r"\s*(.*?)\s*([A-Za-z]{3})?\s*")
_log = structlog.get_logger("crmkit.filters")


async def may_filter(ctx: Context, added: AddedFilter) -> bool:
    """Say whether the reader has a filter: he may read all that it looks at."""
    for name in added.reads:
        if not await may_use(ctx, ctx.site.entity(name), "read"):
            return False
    return True


async def filters_for(ctx: Context, plan: EntityPlan) -> list[AddedFilter]:
    """Answer the filters that plugins add to a list, as far as the reader has them."""
    return [each for each in plan.added_filters.values() if await may_filter(ctx, each)]


def added_condition(
    ctx: Context, added: AddedFilter, op: str, value: str, statement: Statement
) -> str:
    """Answer the condition of a plugin's filter on the row `t`.

    Raises:
        InvalidError: The value does not fit.
        HookFailedError: The plugin failed: nothing is shown unfiltered.
    """
    question = _Question(ctx, added, _OPPOSITE.get(op, op), value, statement)
    try:
        text = added.build(question)
    except CrmkitError:
        raise
    except Exception as error:
        _log.error("filter failed", plugin=added.plugin, filter=added.field.name, error=repr(error))
        raise HookFailedError(added.plugin, f"filter {added.field.name}") from error
    if not text or not isinstance(text, str):
        raise HookFailedError(added.plugin, f"filter {added.field.name}")
    return f"NOT ({text})" if op in _OPPOSITE else f"({text})"


class _Question:
    """The `FilterQuestion` of one filter in one statement."""

    record = "t.id"

    def __init__(
        self, ctx: Context, added: AddedFilter, op: str, value: str, statement: Statement
    ) -> None:
        self.ctx = ctx
        self.op = op
        self._added = added
        self._statement = statement
        self._from: dict[str, str] = {}
        self._value, self.currency = self._read(value)

    def _read(self, value: str) -> tuple[str, str]:
        found = _MONEY.fullmatch(value) if self._added.field.kind == "money" else None
        if found is None:
            return value, ""
        return found[1], (found[2] or self.ctx.config.currency).upper()

    def rows(self, entity: str, alias: str) -> str:
        plan = self._plan(entity, alias)
        allowed = predicate(self.ctx, plan, "read", alias, self._statement.next)
        self._statement.args.extend(allowed.args)
        return (
            f'(SELECT * FROM "{plan.tablename}" {alias} WHERE {alias}.trashed_at IS NULL '  # noqa: S608 - checked names
            f"AND ({allowed.text})) {alias}"
        )

    def parts(self, entity: str, alias: str, whole: str) -> str:
        plan = self._plan(entity, alias)
        part = plan.part_of
        if part is None or self._from.get(whole) != part.entity:
            raise LookupError(f"`{whole}` names no rows that `{entity}` are lines of.")
        # Who may see the whole may see its lines, except those that a plugin hides.
        hidden = title_condition(self.ctx, plan, alias, self._statement.next)
        more = f" AND ({hidden.text})" if hidden is not None else ""
        self._statement.args.extend(hidden.args if hidden is not None else ())
        return (
            f'LATERAL (SELECT * FROM "{plan.tablename}" {alias} '  # noqa: S608 - checked names
            f'WHERE {alias}."{part.column}" = {whole}.id AND {alias}.trashed_at IS NULL{more}) '
            f"{alias}"
        )

    def _plan(self, entity: str, alias: str) -> EntityPlan:
        if entity not in self._added.reads:
            raise LookupError(f"`{self._added.field.name}` does not name `{entity}` in `reads`.")
        if not _ALIAS.fullmatch(alias) or alias in self._from:
            raise LookupError(f"`{alias}` is no alias, or is taken.")
        self._from[alias] = entity
        plan: EntityPlan = self.ctx.site.entity(entity)
        return plan

    def test(self, expression: str) -> str:
        if "\x00" in self._value:
            text = N_("A filter holds a NUL character. Remove it.")
            raise InvalidError(self.ctx.translate(text))
        field = self._added.field
        if field.kind == "reference" and self.op == "contains":
            # Found first, for PostgreSQL does not see how few records have such a title.
            ids = titled_ids(self.ctx, field, self._value, self._statement)
            return f"({expression} = ANY({ids}))"
        return f"({compare(self.ctx, field, expression, self.op, self._value, self._statement)})"

    def add(self, value: object) -> str:
        return self._statement.add(value)
