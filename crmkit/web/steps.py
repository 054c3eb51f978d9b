"""The next step of a record as lists, boards and facts show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.web.format import format_moment
from crmkit.web.translate import _
from crmkit.web.views import Cell, Column, Fact

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.steps import Step

#: A record in a final state needs no next step.
_FINAL = frozenset({"won", "lost"})


def needs_step(plan: EntityPlan, state: str) -> bool:
    """Say whether a record in that state of its lifecycle is open, and can have steps."""
    found = plan.lifecycle.state(state) if plan.lifecycle and plan.step_links else None
    return found is not None and found.kind not in _FINAL


def step_column() -> Column:
    """Answer the head of the column."""
    return Column(name="next_step", label=_("Next step"), place="next")


def step_cell(ctx: Context, plan: EntityPlan, state: str, step: Step | None) -> Cell:
    """Answer the cell; an open record without a step is warned of."""
    if step is None:
        if not needs_step(plan, state):
            return Cell()
        return Cell(html=_("No next step"), icon="alert-triangle", tone="warn")
    return Cell(
        html=f"{step.title}, {format_moment(ctx, step.due)}",
        icon=step_icon(ctx, step),
        tone="bad" if step.due < ctx.now() else "",
        url=f"/{step.entity}/{step.id}",
    )


def step_fact(ctx: Context, plan: EntityPlan, state: str, step: Step | None) -> Fact | None:
    """Answer the key fact; None where there is nothing to say."""
    cell = step_cell(ctx, plan, state, step)
    if not cell.html:
        return None
    return Fact(label=_("Next step"), html=cell.html, tone=cell.tone, url=cell.url)


def step_icon(ctx: Context, step: Step) -> str:
    """Answer the icon of its kind."""
    steps = ctx.site.entity(step.entity).steps
    kind = steps.of(step.kind) if steps else None
    return kind.icon if kind else "checkbox"
