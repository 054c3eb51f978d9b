"""The one way to write a record: permission, rules, hooks, version, journal, search row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import asyncpg

from crmkit.access.predicate import check, check_hooks, is_denied, predicate
from crmkit.errors import ConflictError, HookFailedError, InvalidError, StaleVersionError
from crmkit.model.values import N_
from crmkit.plugin.events import SaveEvent, TransitionEvent
from crmkit.records.amounts import currency_of, fit_amounts, has_amounts
from crmkit.records.journal import write_journal, write_search, write_stage
from crmkit.records.merged import find_kept, forget_merge
from crmkit.records.query import plain
from crmkit.records.read import get_record
from crmkit.records.second_person import check_second_person
from crmkit.records.values import parse_values
from crmkit.work.core_events import tell_of_core
from crmkit.work.deadline_follow import follow_records
from crmkit.work.deadline_life import follow_state, follow_trash
from crmkit.work.events import publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

__all__ = [
    "create_record",
    "parse_values",
    "restore_record",
    "save_record",
    "stale_error",
    "tell",
    "trash_record",
    "write_row",
]


async def create_record(ctx: Context, plan: EntityPlan, values: Mapping[str, Any]) -> int:
    """Create a record and answer its id.

    Raises:
        ForbiddenError: The role may not create here.
        InvalidError: Rules are broken; all problems at once.
        ConflictError: A value that must be unique is taken.
    """
    check(ctx, plan, "create")
    await check_hooks(ctx, plan, "create")
    async with ctx.db.transaction():
        new = dict(values)
        if plan.lifecycle is not None and not new.get(plan.lifecycle.column):
            new[plan.lifecycle.column] = plan.lifecycle.initial
        new.setdefault("owner", ctx.user_id)
        event = SaveEvent(ctx, plan, new)
        await lock_whole(ctx, plan, new)
        await ctx.site.hooks.run("before_save", event)
        await _fill_defaults(ctx, plan, new)
        await _check_rules(event, new)
        moved = transition_of(event, new)
        if moved is not None:
            await check_second_person(ctx, plan, None, moved.new, new, ())
            await ctx.site.hooks.run("before_transition", moved)
        columns, custom = split_values(new)
        columns |= {"created_by": ctx.user_id, "updated_by": ctx.user_id, "custom": custom}
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join(f"${index}" for index in range(1, len(columns) + 1))
        record_id = await write_row(
            ctx,
            plan,
            f'INSERT INTO "{plan.tablename}" ({names}) VALUES ({marks}) RETURNING id',  # noqa: S608
            *columns.values(),
        )
        filled = {name: value for name, value in new.items() if value not in (None, "")}
        await write_journal(ctx, plan, record_id, "create", {}, filled)
        if plan.lifecycle is not None:
            await write_stage(ctx, plan, record_id, "", new)
        await write_search(ctx, plan, [record_id])
        event.record_id = record_id
        await ctx.site.hooks.run("after_save", event)
        if moved is not None:
            moved.record_id = record_id
            await ctx.site.hooks.run("after_transition", moved)
        await follow_records(ctx, plan.name, [record_id])
        await tell(ctx, plan, "created", record_id)
        await tell_of_core(ctx, plan.name, record_id, {}, new)
    return record_id


async def save_record(
    ctx: Context,
    plan: EntityPlan,
    record_id: int,
    values: Mapping[str, Any],
    version: int | None = None,
) -> int:
    """Write the changed fields of a record and answer its new version.

    Args:
        version: As the form showed it; None relies on the row lock (bulk, automation).

    Raises:
        NotFoundError: There is none, or it is not the writer's to edit.
        StaleVersionError: Somebody saved in between; carries the stored values.
        InvalidError: Rules are broken; all problems at once.
    """
    async with ctx.db.transaction():
        await lock_whole(ctx, plan, values, record_id)
        stored = await get_record(ctx, plan, record_id, "edit", lock=True)
        if stored["trashed_at"] is not None:
            text = ctx.translate(N_("{record} lies in the trash. Restore it before editing."))
            raise ConflictError(text.format(record=ctx.translate(plan.singular)))
        if version is not None and version != stored["version"]:
            raise await stale_error(ctx, plan, record_id, stored)
        new = {name: value for name, value in values.items() if value != stored.get(name)}
        sent = tuple(new)
        event = SaveEvent(ctx, plan, new, stored, record_id)
        await ctx.site.hooks.run("before_save", event)
        changed = {name: value for name, value in new.items() if value != stored.get(name)}
        if not changed:
            return int(stored["version"])
        # What is taken back was recorded whole: nothing is filled in for it.
        if "owner" in changed and "team" not in changed and ctx.cause != "undo":
            await _fill_defaults(ctx, plan, changed)
        await _check_rules(event, changed)
        moved = transition_of(event, changed)
        if moved is not None:
            await check_second_person(ctx, plan, record_id, moved.new, moved.record, sent)
            await ctx.site.hooks.run("before_transition", moved)
        await _update(ctx, plan, record_id, changed, stored)
        before = {name: stored.get(name) for name in changed}
        await write_journal(ctx, plan, record_id, "update", before, changed)
        lifecycle = plan.lifecycle
        if lifecycle is not None and lifecycle.column in changed:
            await write_stage(ctx, plan, record_id, stored[lifecycle.column], {**stored, **changed})
        await write_search(ctx, plan, [record_id])
        event.values = changed
        await ctx.site.hooks.run("after_save", event)
        said: dict[str, Any] = {"fields": sorted(changed)}
        if moved is not None:
            await ctx.site.hooks.run("after_transition", moved)
            said |= {"from": moved.old, "to": moved.new}
            await follow_state(ctx, plan, record_id, moved.old, moved.new)
        await follow_records(ctx, plan.name, [record_id], changed)
        await tell(ctx, plan, "updated", record_id, said)
        await tell_of_core(ctx, plan.name, record_id, stored, {**stored, **changed})
        return int(stored["version"]) + 1


async def lock_whole(
    ctx: Context, plan: EntityPlan, values: Mapping[str, Any], record_id: int | None = None
) -> None:
    """Lock what a part belongs to, before the part: changes of the parts of one whole take turns.

    Raises:
        NotFoundError: A whole it comes from or goes to is not the writer's to edit.
    """
    part = plan.part_of
    if part is None:
        return
    whole = ctx.site.entity(part.entity)
    found = {values.get(part.column)}
    if record_id is not None:
        sql = f'SELECT "{part.column}" FROM "{plan.tablename}" WHERE id = $1'  # noqa: S608
        found.add(await ctx.db.value(sql, record_id))
    for number in sorted(each for each in found if isinstance(each, int)):
        await get_record(ctx, whole, number, "edit", lock=True)


async def tell(
    ctx: Context,
    plan: EntityPlan,
    verb: str,
    record_id: int,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Say what happened to a record, to the plugins that listen."""
    await publish(ctx, f"{plan.name}.{verb}", entity=plan.name, record_id=record_id, data=data)


def transition_of(event: SaveEvent, changed: Mapping[str, Any]) -> TransitionEvent | None:
    """Answer the move between states that a save makes, if it makes one.

    A record that is made in a later state comes from the first one: no gate is walked around.
    """
    lifecycle = event.entity.lifecycle
    if lifecycle is None or lifecycle.column not in changed:
        return None
    is_new = event.record_id is None
    old = lifecycle.initial if is_new else str(event.before.get(lifecycle.column) or "")
    new = str(changed[lifecycle.column] or "")
    if is_new and new == old:
        return None
    record = {**event.before, **changed}
    return TransitionEvent(event.ctx, event.entity, event.record_id or 0, old, new, record)


async def _update(
    ctx: Context,
    plan: EntityPlan,
    record_id: int,
    changed: Mapping[str, Any],
    stored: Mapping[str, Any],
) -> None:
    columns, custom = split_values(changed)
    if custom:
        columns["custom"] = _merge(stored["custom"], custom)
    columns |= {"updated_by": ctx.user_id, "updated_at": ctx.now()}
    sets = ", ".join(f'"{name}" = ${index}' for index, name in enumerate(columns, 2))
    await write_row(
        ctx,
        plan,
        f'UPDATE "{plan.tablename}" SET {sets}, version = version + 1 WHERE id = $1 RETURNING id',  # noqa: S608
        record_id,
        *columns.values(),
    )


async def write_row(ctx: Context, plan: EntityPlan, sql: str, *args: Any) -> int:  # noqa: ANN401
    """Run a write and answer the id of its row; what the database refuses becomes a sentence."""
    try:
        async with ctx.db.transaction():
            return int(await ctx.db.value(sql, *args))
    except asyncpg.UniqueViolationError as error:
        raise InvalidError(
            ctx.translate(N_("Another record has this value already.")),
            {_unique_field(plan, error): ctx.translate(N_("is taken; choose another"))},
        ) from error
    except asyncpg.ForeignKeyViolationError as error:
        raise InvalidError(
            ctx.translate(N_("A record that was chosen no longer exists. Choose again."))
        ) from error
    except (asyncpg.DataError, asyncpg.CheckViolationError) as error:
        text = ctx.translate(N_("A value cannot be stored: {reason}."))
        raise InvalidError(text.format(reason=error)) from error


def _unique_field(plan: EntityPlan, error: asyncpg.UniqueViolationError) -> str:
    """Answer the field whose value is taken, as the index `<table>_<column>_...` names it."""
    index = (error.constraint_name or "").removeprefix(f"{plan.tablename}_")
    named = [name for name in plan.fields if index.startswith(f"{name}_")]
    # `parent` and `parent_company` both begin alike: the longer one is meant.
    return max(named, key=len, default=index.split("_")[0])


async def trash_record(
    ctx: Context, plan: EntityPlan, record_id: int, version: int | None = None
) -> None:
    """Move a record to the trash.

    Raises:
        NotFoundError: There is none, or it is not the writer's to delete.
        StaleVersionError: Somebody saved in between.
    """
    await _set_trashed(ctx, plan, record_id, version, trashed=True)


async def restore_record(ctx: Context, plan: EntityPlan, record_id: int) -> None:
    """Take a record out of the trash.

    Raises:
        InvalidError: Another record has a value by now that none may have twice.
    """
    await _set_trashed(ctx, plan, record_id, None, trashed=False)


async def _set_trashed(
    ctx: Context, plan: EntityPlan, record_id: int, version: int | None, *, trashed: bool
) -> None:
    async with ctx.db.transaction():
        await lock_whole(ctx, plan, {}, record_id)
        stored = await get_record(ctx, plan, record_id, "delete", lock=True)
        if version is not None and version != stored["version"]:
            raise await stale_error(ctx, plan, record_id, stored)
        if (stored["trashed_at"] is not None) == trashed:
            return
        event = SaveEvent(ctx, plan, {}, stored, record_id)
        if trashed:
            await ctx.site.hooks.run("before_delete", event)
        moment = ctx.now() if trashed else None
        await write_row(
            ctx,
            plan,
            f'UPDATE "{plan.tablename}" SET trashed_at = $2, updated_at = $3, updated_by = $4, '  # noqa: S608
            "version = version + 1 WHERE id = $1 RETURNING id",
            record_id,
            moment,
            ctx.now(),
            ctx.user_id,
        )
        await write_journal(ctx, plan, record_id, "trash" if trashed else "restore", {}, {})
        await write_search(ctx, plan, [record_id])
        if trashed:
            await ctx.site.hooks.run("after_delete", event)
        else:
            await forget_merge(ctx, plan, record_id)
            await ctx.site.hooks.run("after_save", event)
        await follow_trash(ctx, plan, record_id, trashed=trashed)
        await tell(ctx, plan, "trashed" if trashed else "restored", record_id)
        await tell_of_core(ctx, plan.name, record_id, stored, {**stored, "trashed_at": moment})


async def stale_error(
    ctx: Context, plan: EntityPlan, record_id: int, stored: Mapping[str, Any]
) -> StaleVersionError:
    """Answer the refusal of a save that did not see the one before: by whom, and what is stored."""
    last = await ctx.db.row(
        "SELECT u.name, j.at FROM core_journal j LEFT JOIN core_user u ON u.id = j.user_id "
        "WHERE j.entity = $1 AND j.record = $2 ORDER BY j.id DESC LIMIT 1",
        plan.name,
        record_id,
    )
    return StaleVersionError(
        ctx.translate(
            N_("Somebody saved this record after you opened it. Compare the values and save again.")
        ),
        stored,
        (last["name"] or "") if last else "",
        last["at"] if last else None,
    )


def split_values(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Part column values from custom ones, the latter as `custom` keeps them."""
    columns: dict[str, Any] = {}
    custom: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        if name.startswith("custom."):
            _, owner, key = name.split(".", 2)
            custom.setdefault(owner, {})[key] = plain(value)
        else:
            columns[name] = value
    return columns, custom


def _merge(stored: Mapping[str, Any], changed: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Change some keys and keep all others, also those of disabled plugins."""
    merged = {owner: dict(keys) for owner, keys in stored.items()}
    for owner, keys in changed.items():
        merged.setdefault(owner, {}).update(keys)
    return merged


async def _fill_defaults(ctx: Context, plan: EntityPlan, values: dict[str, Any]) -> None:
    """Give a record its owner's team and, with money, a currency."""
    if values.get("owner") is not None and not values.get("team"):
        values["team"] = await ctx.db.value(
            "SELECT team FROM core_user WHERE id = $1", values["owner"]
        )
    is_new = plan.title in values
    if "currency" in plan.fields and not values.get("currency", "" if is_new else "kept"):
        values["currency"] = ctx.config.currency


async def _check_rules(event: SaveEvent, changed: dict[str, Any]) -> None:
    """Check names, required fields, references, the lifecycle, and what plugins ask for.

    Raises:
        InvalidError: All problems at once.
    """
    ctx, plan, stored = event.ctx, event.entity, event.before
    whole = {**stored, **changed}
    problems: dict[str, str] = {}
    for name, field in plan.fields.items():
        if field.required and whole.get(name) in (None, "") and (name in changed or not stored):
            problems[name] = ctx.translate(N_("is needed; fill it in"))
    for name in changed:
        if name not in plan.fields:
            problems[name] = ctx.translate(N_("is no field of this record"))
    if has_amounts(plan):
        currency = await currency_of(ctx, plan, whole)
        problems |= fit_amounts(ctx, plan, changed, whole, currency)
    problems |= check_lifecycle(
        plan, changed, stored, whole, back=ctx.cause == "undo", translate=ctx.translate
    )
    problems |= await _check_references(ctx, plan, changed)
    problems |= await ask_problems(event, changed)
    if problems:
        raise InvalidError(
            ctx.translate(N_("Some fields need a correction before this can be saved.")), problems
        )


async def ask_problems(event: SaveEvent, changed: Mapping[str, Any]) -> dict[str, str]:
    """Answer the problems that plugins see, by field.

    Raises:
        HookFailedError: A plugin failed, or answered something else than problems.
    """
    asked = SaveEvent(event.ctx, event.entity, dict(changed), event.before, event.record_id)
    problems: dict[str, str] = {}
    for plugin, answer in await event.ctx.site.hooks.answers("validate", asked):
        if not isinstance(answer, Mapping):
            raise HookFailedError(plugin, "validate")
        problems |= {str(name): str(text) for name, text in answer.items()}
    return problems


def check_lifecycle(
    plan: EntityPlan,
    changed: Mapping[str, Any],
    stored: Mapping[str, Any],
    whole: Mapping[str, Any],
    *,
    back: bool = False,
    translate: Callable[[str], str] = str,
) -> dict[str, str]:
    """Answer what the lifecycle forbids, by column.

    Args:
        back: A move is taken back, which no transition needs to allow.
        translate: English to the reader's language.
    """
    lifecycle = plan.lifecycle
    if lifecycle is None:
        return {}
    state = whole.get(lifecycle.column) or ""
    problems: dict[str, str] = {}
    if lifecycle.column in changed:
        old = str(stored.get(lifecycle.column) or "")
        if not back and not lifecycle.can_move(old, state):
            problems[lifecycle.column] = translate(
                N_("cannot be reached from where the record stands")
            )
    watched = {lifecycle.column, *lifecycle.requires.get(state, ())}
    if watched & set(changed):
        found = lifecycle.state(state)
        label = translate(found.label) if found else state
        for column in lifecycle.missing(state, whole):
            problems[column] = translate(N_("is needed for {state}")).format(state=label)
    return problems


async def _check_references(
    ctx: Context, plan: EntityPlan, changed: Mapping[str, Any]
) -> dict[str, str]:
    """A reference must name a record the writer may read: else its title would leak."""
    problems: dict[str, str] = {}
    for name, value in changed.items():
        field = plan.fields.get(name)
        if field is None or field.kind != "reference" or value is None or not field.reference:
            continue
        target = ctx.site.entity(field.reference)
        allowed = predicate(ctx, target, "read", "t", 2)
        # The lock waits for a merge that is about to take the record away.
        found = await ctx.db.row(
            f'SELECT t.trashed_at FROM "{target.tablename}" t WHERE t.id = $1 '  # noqa: S608
            f"AND ({allowed.text}) FOR KEY SHARE OF t",
            value,
            *allowed.args,
        )
        is_self = name == "owner" and value == ctx.user_id
        if not is_self and (found is None or await is_denied(ctx, target, "read", value)):
            problems[name] = ctx.translate(
                N_("names a record that does not exist; choose one from the list")
            )
        elif found and found["trashed_at"] and await find_kept(ctx, target, value):
            problems[name] = ctx.translate(
                N_("names a record that was merged into another; choose that one")
            )
    return problems
