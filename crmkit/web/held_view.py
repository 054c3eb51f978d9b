"""What a person holds, for who administers: on the page of the person, and before one leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import allowed
from crmkit.records.handing_over import HAND_OVER
from crmkit.records.holding import held_by, said_of
from crmkit.web.format import format_number
from crmkit.web.translate import _
from crmkit.web.views import Action, Panel, PanelLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

_USERS = "core.user"


async def held_on(ctx: Context, plan: EntityPlan, record: Mapping[str, Any]) -> dict[str, int]:
    """Answer what a person holds by English name; nothing of other records."""
    if plan.name != _USERS or not allowed(ctx, plan, "admin"):
        return {}
    return await held_by(ctx, record["id"])


def held_panel(ctx: Context, held: Mapping[str, int]) -> Panel:
    """Answer the card of what a person holds."""
    return Panel(
        id="held",
        title=_("Held by this person"),
        count=format_number(ctx, sum(held.values())),
        lines=tuple(
            PanelLine(html=ctx.translate(name), value=format_number(ctx, count))
            for name, count in held.items()
        ),
    )


def left_warning(ctx: Context, record: Mapping[str, Any], held: Mapping[str, int]) -> str:
    """Answer that nobody active holds it, "" while the person may sign in."""
    if record["active"] and record["trashed_at"] is None:
        return ""
    text = _("This person may no longer sign in and still holds: %(what)s. Hand it over.")
    return text % {"what": said_of(ctx, held)}


def first_hand_over(actions: Sequence[Action]) -> tuple[Action, ...]:
    """Answer the actions of a person, handing over as the button beside their menu."""
    return tuple(
        msgspec.structs.replace(each, kind="primary") if each.name == HAND_OVER.name else each
        for each in actions
    )


async def held_intro(
    ctx: Context, plan: EntityPlan, record: Mapping[str, Any] | None
) -> str | None:
    """Answer what has to be handed over before a person is switched off in a form."""
    held = await held_on(ctx, plan, record) if record is not None and record.get("active") else {}
    if not held:
        return None
    text = _("Holds: %(what)s. If this person leaves, first choose Hand over on the page before.")
    return text % {"what": said_of(ctx, held)}
