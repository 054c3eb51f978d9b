"""Buttons with which administrators export and erase what is held on a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.records.personal import is_person
from crmkit.web.shell import is_admin
from crmkit.web.translate import _
from crmkit.web.views import Action, FieldInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

#: Name of the button that erases, and of the input that must hold the record's number.
ERASE, CONFIRMATION = "erase-person", "confirmation"


def personal_buttons(
    ctx: Context, plan: EntityPlan, record: Mapping[str, Any]
) -> tuple[Action, ...]:
    """Answer the two buttons of a person's record, for administrators."""
    if not is_admin(ctx.principal) or not is_person(ctx, plan):
        return ()
    url = f"/{plan.name}/{record['id']}"
    typed = FieldInput(
        name=CONFIRMATION,
        label=_("Type %(number)s to confirm") % {"number": record["id"]},
        required=True,
    )
    return (
        Action(
            name="export-person",
            label=_("Export personal data"),
            url=f"{url}/personal",
            icon="download",
            method="get",
        ),
        Action(
            name=ERASE,
            label=_("Erase personal data"),
            url=f"{url}/erase",
            icon="trash",
            kind="danger",
            confirm=_(
                "All that is held on this person is erased for good. No undo brings it back."
            ),
            fields=(typed,),
        ),
    )
