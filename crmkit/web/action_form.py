"""The input struct of an action as inputs of a form."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from crmkit.web.translate import _
from crmkit.web.views import FieldInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.errors import InvalidError
    from crmkit.model.action import Action
    from crmkit.model.context import Context
    from crmkit.web.views import Action as Button

_KINDS: dict[Any, Any] = {Decimal: "money", int: "number", float: "number", bool: "checkbox"}


def action_inputs(ctx: Context, action: Action) -> tuple[FieldInput, ...]:
    """Answer one input for each field of the action's struct."""
    if action.input is None:
        return ()
    labels = action.labels or {}
    made = []
    for field in msgspec.structs.fields(action.input):
        kind = _kind(field.type)
        made.append(
            FieldInput(
                name=field.name,
                label=_(labels.get(field.name, field.name.replace("_", " ").capitalize())),
                kind=kind,
                required=field.required,
                currency=ctx.config.currency if kind == "money" else None,
            )
        )
    return tuple(made)


def action_values(form: Mapping[str, Any]) -> dict[str, Any]:
    """Answer what a form sent for the struct: empty inputs keep their defaults."""
    outside = {"csrf_token", "version"}
    return {name: str(value) for name, value in form.items() if name not in outside and value}


def with_problems(button: Button, values: Mapping[str, Any], error: InvalidError) -> Button:
    """Answer the button of an action that was refused, with what was typed and what is wrong."""
    fields = tuple(
        msgspec.structs.replace(
            each, value=str(values.get(each.name, "")), error=error.problems.get(each.name)
        )
        for each in button.fields
    )
    shown = {each.name for each in fields}
    loose = [f"{name}: {text}" for name, text in error.problems.items() if name not in shown]
    return msgspec.structs.replace(button, fields=fields, errors=(error.message, *loose))


def _kind(kind: Any) -> Any:  # noqa: ANN401 - an annotation
    found = {*get_args(kind), kind}
    for each in tuple(found):
        found.update(get_args(each))
    return next((_KINDS[each] for each in _KINDS if each in found), "text")
