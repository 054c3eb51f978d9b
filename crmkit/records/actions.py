"""Runs a declared Action: permission, input, one transaction, one operation to undo."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from crmkit.access.predicate import allowed
from crmkit.errors import ConflictError, InvalidError, NotFoundError
from crmkit.model.values import N_, Sentence
from crmkit.records.copying import duplicate_of
from crmkit.records.handing_over import HAND_OVER
from crmkit.records.journal import one_operation
from crmkit.records.read import get_record
from crmkit.records.values import ValueProblem, parse_decimal, typed_marks
from crmkit.records.wrong_values import what_is_wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.action import Action
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan


class ActionResult(msgspec.Struct, frozen=True):
    """What came of it: an address to go to, and the operation that undoes it.

    An action that needs a second person was asked for: the address is that of the approvals.
    """

    url: str
    operation: int


async def run_action(
    ctx: Context,
    plan: EntityPlan,
    name: str,
    record_id: int,
    raw: Mapping[str, Any] | None = None,
    version: int | None = None,
) -> ActionResult:
    """Do it with one record.

    Args:
        raw: Field of the action's input to text, as a form or JSON sends it.
        version: As the page showed the record; None relies on the row lock.

    Raises:
        NotFoundError: No such action, or the record is not the person's to do it with.
        ConflictError: The record's state does not allow it.
        InvalidError: The input does not fit; names the field.
    """
    action = find_action(plan, name)
    async with one_operation(ctx, "action", action.label) as inner:
        url = await perform_action(inner, plan, action, record_id, raw, version)
        return ActionResult(url, int(inner.operation or 0))


async def perform_action(
    ctx: Context,
    plan: EntityPlan,
    action: Action,
    record_id: int,
    raw: Mapping[str, Any] | None = None,
    version: int | None = None,
    *,
    approved: bool = False,
) -> str:
    """Do it inside the caller's operation and answer the address to go to; as `run_action`.

    An action that needs a second person is asked for instead, unless one has approved it.
    """
    if action.second_person and not approved:
        from crmkit.records.approvals import ask_approval  # noqa: PLC0415 - which performs actions

        await ask_approval(ctx, plan, record_id, action=action.name, values=raw or {})
        return "/approvals?show=own"
    record = await get_record(ctx, plan, record_id, action.permission, lock=True)
    check_fits(ctx, plan, action, record)
    data = decode_input(ctx, action, raw or {})
    url: str | None = await action.handler(ctx, record_id, data, version)
    return url or f"/{plan.name}/{record_id}"


def check_fits(ctx: Context, plan: EntityPlan, action: Action, record: Mapping[str, Any]) -> None:
    """Refuse an action that cannot be done with a record as it is.

    Raises:
        ConflictError: Its state does not allow it, or it lies in the trash.
    """
    state = record.get(plan.lifecycle.column) if plan.lifecycle else ""
    if record["trashed_at"] is not None or not action.fits(ctx, state, record):
        text = N_("This cannot be done in the state the record is in.")
        raise ConflictError(ctx.translate(text))


def actions_of(plan: EntityPlan) -> tuple[Action, ...]:
    """Answer what can be done with a record: what is declared, then what every record has.

    People and teams are not copied: an account is an invitation to somebody. What they have to do
    can be handed over.
    """
    if plan.name == "core.user":
        return (*plan.actions, HAND_OVER)
    if plan.plugin == "core" or any(each.name == "duplicate" for each in plan.actions):
        return plan.actions
    return (*plan.actions, duplicate_of(plan))


def may_act(ctx: Context, plan: EntityPlan, action: Action) -> bool:
    """Say whether the role allows an action on at least some records."""
    return all(allowed(ctx, plan, verb) for verb in (action.permission, *action.needs))


def find_action(plan: EntityPlan, name: str) -> Action:
    """Answer an action of an entity.

    Raises:
        NotFoundError: It has none of that name.
    """
    for action in actions_of(plan):
        if action.name == name:
            return action
    text = N_("{what} has no action `{name}`.")
    raise NotFoundError(Sentence(text, what=Sentence(plan.singular), name=name))


def done_words(ctx: Context, action: Action) -> str:
    """Answer what somebody is told who did it, in his language: "Order confirmed"."""
    if action.done:
        return ctx.translate(action.done)
    return ctx.translate(N_("{what}: done")).format(what=ctx.translate(action.label))


def decode_input(ctx: Context, action: Action, raw: Mapping[str, Any]) -> msgspec.Struct | None:
    """Answer the input struct of an action, or None when it asks for nothing.

    Raises:
        InvalidError: A field is unknown, missing or does not fit.
    """
    refused = ctx.translate(N_("The form holds something that does not fit."))
    strange = ctx.translate(N_("is not known here"))
    if action.input is None:
        if raw:
            raise InvalidError(refused, dict.fromkeys(raw, strange))
        return None
    known = set(action.input.__struct_fields__)
    unknown = {key: strange for key in raw if key not in known}
    rounded = {
        name: ctx.translate(N_('is a decimal; send it as text, such as "12.50"'))
        for name in _amount_names(action)
        if isinstance(raw.get(name), int | float | Decimal)
    }
    if unknown or rounded:
        # A number of JSON is a binary fraction on its way: money is not sent through that.
        raise InvalidError(refused, unknown | rounded)
    missing = {
        field.name: ctx.translate(N_("is needed; fill it in"))
        for field in msgspec.structs.fields(action.input)
        if field.required and field.name not in raw
    }
    if missing:
        raise InvalidError(refused, missing)
    raw = read_amounts(ctx, action, raw)
    try:
        data = msgspec.convert(dict(raw), action.input, strict=False)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("$.")[2].rstrip("`") if "$." in str(error) else ""
        told = what_is_wrong(ctx.translate, error)
        raise InvalidError(refused, {field: told}) from error
    endless = {
        name: ctx.translate(N_("does not fit; enter another value"))
        for name, value in msgspec.structs.asdict(data).items()
        if isinstance(value, Decimal) and not value.is_finite()
    }
    if endless:
        raise InvalidError(refused, endless)
    return data


def _amount_names(action: Action) -> list[str]:
    fields = msgspec.structs.fields(action.input) if action.input is not None else ()
    return [f.name for f in fields if {Decimal} & {f.type, *get_args(f.type)}]


def read_amounts(ctx: Context, action: Action, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the input of an action, amounts as programs write them: they are typed as people do.

    Raises:
        InvalidError: One is no number, or can be read in two ways; names the field.
    """
    plain, problems = dict(raw), {}
    for name in _amount_names(action):
        text = raw.get(name)
        if isinstance(text, str) and text.strip():
            try:
                plain[name] = f"{parse_decimal(text, typed_marks(ctx)):f}"
            except ValueProblem as problem:
                problems[name] = problem.told(ctx.translate)
    if problems:
        raise InvalidError(
            ctx.translate(N_("The form holds something that does not fit.")), problems
        )
    return plain
