"""Statements for what people see: every table in them with the rights of the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import predicate

if TYPE_CHECKING:
    from crmkit import Context


class Question:
    """Collects arguments and the conditions under which the reader may see rows."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.args: list[Any] = []

    def add(self, value: Any) -> str:  # noqa: ANN401 - any SQL value
        """Add an argument and answer its placeholder."""
        self.args.append(value)
        return f"${len(self.args)}"

    def may(self, entity: str, alias: str = "t", verb: Any = "read") -> str:  # noqa: ANN401 - a verb
        """Answer the condition under which the reader may use a verb on a row of an entity."""
        found = predicate(self._ctx, self._ctx.site.entity(entity), verb, alias, len(self.args) + 1)
        self.args.extend(found.args)
        return f"({found.text} AND {alias}.trashed_at IS NULL)"

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        """Answer the rows of a statement."""
        return [dict(row) for row in await self._ctx.db.rows(sql, *self.args)]
