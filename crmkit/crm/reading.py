"""Statements of the home page: every table in them with the reader's permission."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import predicate

if TYPE_CHECKING:
    from crmkit import PageEvent


class Question:
    """Collects arguments and the conditions under which the reader may see rows."""

    def __init__(self, event: PageEvent) -> None:
        self._event = event
        self.args: list[Any] = []

    def add(self, value: Any) -> str:  # noqa: ANN401 - any SQL value
        """Add an argument and answer its placeholder."""
        self.args.append(value)
        return f"${len(self.args)}"

    def may_read(self, entity: str, alias: str) -> str:
        """Answer the condition under which a row of an entity may be seen."""
        ctx = self._event.ctx
        found = predicate(ctx, ctx.site.entity(entity), "read", alias, len(self.args) + 1)
        self.args.extend(found.args)
        return f"({found.text} AND {alias}.trashed_at IS NULL)"

    def chosen(self, alias: str) -> str:
        """Answer the condition of the chosen scope: mine, the team's or everything."""
        ctx = self._event.ctx
        if self._event.scope == "mine":
            return f"{alias}.owner = {self.add(ctx.user_id)}::bigint"
        if self._event.scope == "team":
            return f"{alias}.team = ANY({self.add(list(ctx.principal.teams))}::bigint[])"
        return "TRUE"


def list_url(event: PageEvent, entity: str, *filters: str, **more: str) -> str:
    """Answer the address of a list that shows the same rows as a figure of the chosen scope."""
    scope: tuple[str, ...] = ()
    if event.scope == "mine":
        scope = ("owner:me:",)
    elif event.scope == "team" and len(event.ctx.principal.teams) == 1:
        scope = (f"team:is:{event.ctx.principal.teams[0]}",)
    pairs = [f"f={each}" for each in (*scope, *filters)]
    pairs += [f"{name}={value}" for name, value in more.items()]
    return f"/{entity}" + (f"?{'&'.join(pairs)}" if pairs else "")
