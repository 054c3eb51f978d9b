"""The input struct of an action as inputs of a form."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from crmkit.web.translate import _
from crmkit.web.views import FieldInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from msgspec.structs import FieldInfo

    from crmkit.errors import InvalidError
    from crmkit.model.action import Action, InputRow
    from crmkit.model.context import Context
    from crmkit.web.views import Action as Button

#: Defaults that leave an input empty.
_NONE = (msgspec.NODEFAULT, None, "", False)
_KINDS: dict[Any, Any] = {
    Decimal: "money", int: "number", float: "number", bool: "checkbox", date: "date",
}  # fmt: skip
_NO_ROWS: Mapping[str, Any] = MappingProxyType({})
#: Of `Action.kinds`: somebody who is found by name, and may be named by address as well.
_USER = "user"
_USERS_URL = "/core.user/lookup?by=title"


async def input_rows(
    ctx: Context, actions: Iterable[Action], record_id: int
) -> dict[str, dict[str, Sequence[InputRow]]]:
    """Answer what actions ask for line by line of a record, by action and field."""
    return {
        action.name: {name: await load(ctx, record_id) for name, load in action.rows.items()}
        for action in actions
        if action.rows
    }


def action_inputs(
    ctx: Context, action: Action, rows: Mapping[str, Sequence[InputRow]] = _NO_ROWS
) -> tuple[FieldInput, ...]:
    """Answer one input for each field of the action's struct.

    Args:
        rows: Field to the inputs it has instead of one.
    """
    if action.input is None:
        return ()
    labels, kinds = action.labels or {}, action.kinds or {}
    made = []
    for field, asked, longest in _asked(action.input):
        if action.rows and field.name in action.rows:
            made += [_row_input(field.name, each) for each in rows.get(field.name, ())]
            continue
        kind = kinds.get(field.name) or asked
        default = "" if field.default in _NONE else str(field.default)
        made.append(
            FieldInput(
                name=field.name,
                label=_(labels.get(field.name, field.name.replace("_", " ").capitalize())),
                kind="reference" if kind == _USER else kind,  # type: ignore[arg-type]
                value="" if kind == "checkbox" else default,
                checked=kind == "checkbox" and bool(default),
                unticked="0" if kind == "checkbox" and default else "",
                remote_url=_USERS_URL if kind == _USER else None,
                free=kind == _USER,
                required=field.required,
                currency=ctx.config.currency if kind == "money" else None,
                max_length=longest,
            )
        )
    return tuple(made)


@cache
def _asked(kind: type[msgspec.Struct]) -> tuple[tuple[FieldInfo, Any, int | None], ...]:
    """Answer the fields of a struct with their kinds of input and longest texts.

    Types are read out of annotations, which takes longer than to show them.
    """
    return tuple(
        (field, _kind(field.type), _max_length(field.type))
        for field in msgspec.structs.fields(kind)
    )


def _row_input(name: str, row: InputRow) -> FieldInput:
    return FieldInput(
        name=f"{name}.{row.key}", label=row.label, kind="number", value=row.value,
        help=row.help or None, is_row=True,
    )  # fmt: skip


def _max_length(kind: Any) -> int | None:  # noqa: ANN401 - an annotation
    found = msgspec.inspect.type_info(kind)
    found = found.type if isinstance(found, msgspec.inspect.Metadata) else found
    return found.max_length if isinstance(found, msgspec.inspect.StrType) else None


def action_values(form: Mapping[str, Any], action: Action | None = None) -> dict[str, Any]:
    """Answer what a form sent for the struct: empty inputs keep their defaults.

    What was typed where scripts are off has a name with ".title" behind it.

    Args:
        action: Whose fields with several inputs are gathered, `<field>.<key>`.
    """
    outside = {"csrf_token", "version"}
    made: dict[str, Any] = {}
    for name, value in form.items():
        field, _dot, key = str(name).partition(".")
        if action is not None and action.rows and key and field in action.rows:
            made.setdefault(field, {})
            if value:
                made[field][key] = str(value)
        elif name not in outside and value:
            made[str(name).removesuffix(".title")] = str(value)
    return made


def with_problems(button: Button, values: Mapping[str, Any], error: InvalidError) -> Button:
    """Answer the button of an action that was refused, with what was typed and what is wrong."""
    typed = {name: value for name, value in values.items() if not isinstance(value, dict)}
    for name, several in values.items():
        if isinstance(several, dict):
            typed |= {f"{name}.{key}": value for key, value in several.items()}
    fields = tuple(
        msgspec.structs.replace(
            each,
            # A box has the value of a tick, whether it was ticked or not.
            value="" if each.kind == "checkbox" else str(typed.get(each.name, "")),
            display=str(typed.get(each.name, "")),
            checked=each.kind == "checkbox" and typed.get(each.name) == "1",
            error=error.problems.get(each.name),
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
