"""What the site holds on a person, as one answer; and erasing it, for good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import check, is_denied, predicate
from crmkit.errors import HookFailedError, NotFoundError, UnavailableError
from crmkit.model.values import N_
from crmkit.plugin.events import PersonEvent
from crmkit.records.erasing import ERASE, USERS, erase_record, forget_changes
from crmkit.records.history import list_changes
from crmkit.records.journal import one_operation
from crmkit.records.merged import list_merged
from crmkit.records.query import plain, select_list
from crmkit.records.read import get_record
from crmkit.records.save import trash_record
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan

_WHO = frozenset({"owner", "team"})
_ALL = 2**31 - 1


class Erasure(msgspec.Struct, frozen=True):
    """How an erasure went.

    Attributes:
        kept: What is still held on the person, a sentence for each thing.
        operation: What the history calls it; it cannot be undone.
    """

    kept: tuple[str, ...]
    operation: int


def is_person(ctx: Context, plan: EntityPlan) -> bool:
    """Say whether records of an entity are people whose data can be exported and erased."""
    owner = ctx.site.plugins.get(plan.plugin)
    return plan.person and owner is not None and owner.manifest.personal_data


async def export_person(ctx: Context, plan: EntityPlan, record_id: int) -> dict[str, Any]:
    """Answer everything the site and its plugins hold on a person, as JSON takes it.

    Labels are English. `records` are those of other entities that refer to the record.

    Raises:
        ForbiddenError: The reader is no administrator.
        NotFoundError: There is no such person.
        HookFailedError: A plugin failed; what it holds would be missing.
        UnavailableError: A plugin that holds data on people cannot load.
    """
    check_person(ctx, plan)
    record = await get_record(ctx, plan, record_id)
    event = PersonEvent(ctx, plan.name, record_id)
    answers = await ctx.site.hooks.answers("personal_data", event)
    return {
        "entity": plan.name,
        "id": record_id,
        "title": record[plan.title],
        "at": ctx.now().isoformat(),
        "fields": _fields(plan, record),
        "keys": await _keys(ctx, plan, record_id),
        "changes": await _changes(ctx, plan, record_id),
        "records": [
            line
            for other in ctx.site.entities.values()
            if other.name != plan.name
            for line in await _referring(ctx, other, plan, record_id)
        ],
        "plugins": {plugin: _checked(plugin, answer) for plugin, answer in answers},
        "not_asked": [info.manifest.id for info in _switched_off(ctx)],
    }


async def erase_person(ctx: Context, plan: EntityPlan, record_id: int) -> Erasure:
    """Erase a person, in one transaction and for good; the empty record goes to the trash.

    Plugins erase what is theirs first, while the record still says who it is about.

    Raises:
        ForbiddenError: The reader is no administrator.
        NotFoundError: There is no such person, or it is not the reader's to delete.
        Veto: A plugin refuses.
        HookFailedError: A plugin failed.
        UnavailableError: A plugin that holds data on people cannot load.
    """
    check_person(ctx, plan)
    async with one_operation(ctx, ERASE, plan.singular) as collected:
        inner = replace(collected, cause=ERASE)
        await get_record(inner, plan, record_id, "delete", lock=True)
        event = PersonEvent(inner, plan.name, record_id)
        kept: list[str] = []
        for plugin, answer in await ctx.site.hooks.answers("erase_personal_data", event):
            kept += _sentences(plugin, answer)
        text = ctx.translate(N_("What the plugin {plugin} holds; it is switched off"))
        kept += [text.format(plugin=info.manifest.name) for info in _switched_off(ctx)]
        title = ctx.translate(N_("Erased person {number}")).format(number=record_id)
        await erase_record(inner, plan, record_id, title)
        for gone, _operation in await list_merged(inner, plan, record_id):
            # The same person, as it was written down a second time.
            await erase_record(inner, plan, gone, title)
        await trash_record(inner, plan, record_id)
        await forget_changes(inner)
    return Erasure(tuple(kept), inner.operation or 0)


def check_person(ctx: Context, plan: EntityPlan) -> None:
    """Refuse whoever is no administrator, what is no person, and when a plugin cannot be asked.

    Raises:
        ForbiddenError: The reader is no administrator.
        NotFoundError: Records of the entity are no people.
        UnavailableError: A plugin that holds data on people cannot load.
    """
    check(ctx, ctx.site.entity(USERS), "admin")
    if not is_person(ctx, plan):
        text = ctx.translate(N_("Only people can be exported and erased; these are: {what}."))
        raise NotFoundError(text.format(what=ctx.translate(plan.label)))
    for name, info in ctx.site.plugins.items():
        refused = name in ctx.site.failed and info.state in {"blocked", "incompatible"}
        if (refused or info.state == "failed") and _holds(info):
            raise _unasked(ctx, info.manifest.name)


def _unasked(ctx: Context, plugin: str) -> UnavailableError:
    text = ctx.translate(
        N_("The plugin {plugin} may hold data on people and does not load. Mend it or switch it "
           "off, then try again.")
    )  # fmt: skip
    return UnavailableError(text.format(plugin=plugin))


def _switched_off(ctx: Context) -> Iterator[Any]:
    """Answer plugins that hold data on people and are off: they are not asked."""
    for info in ctx.site.plugins.values():
        if info.state in {"disabled", "archived"} and _holds(info):
            yield info


def _holds(info: Any) -> bool:  # noqa: ANN401 - of the plugin layer
    """Say whether a plugin may hold data on people; of one whose code is gone nobody knows."""
    return info.manifest.personal_data or info.folder is None


def _fields(plan: EntityPlan, row: Mapping[str, Any]) -> dict[str, Any]:
    """Answer field name to its label and what people read, custom fields of others included."""
    found = {
        name: {"label": field.label, "value": _readable(field, row)}
        for name, field in plan.fields.items()
    }
    for owner, values in row["custom"].items():
        for key, value in values.items():
            # A field of a plugin that is off: nobody knows its label, it is held all the same.
            found.setdefault(f"custom.{owner}.{key}", {"label": key, "value": value})
    return found


def _readable(field: Field, row: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    value = row[field.name]
    if field.kind == "choice" and value:
        return field.choice_label(str(value))
    if field.reference and value is not None:
        return row[f"{field.name}__title"] or value
    return plain(value)


async def _keys(ctx: Context, plan: EntityPlan, record_id: int) -> list[dict[str, str]]:
    """Answer under which keys other systems know the record."""
    rows = await ctx.db.rows(
        "SELECT source, key FROM core_external WHERE entity = $1 AND record = $2 ORDER BY 1, 2",
        plan.name,
        record_id,
    )
    return [dict(row) for row in rows]


async def _changes(ctx: Context, plan: EntityPlan, record_id: int) -> list[dict[str, Any]]:
    """Answer the journal of the record, newest first."""
    return [
        {
            "at": change.at.isoformat(),
            "who": change.who,
            "action": change.action,
            "before": _labelled(plan, change.before),
            "after": _labelled(plan, change.after),
        }
        for change in await list_changes(ctx, plan, record_id, _ALL)
    ]


def _labelled(plan: EntityPlan, values: Mapping[str, Any]) -> dict[str, Any]:
    """Answer values of the journal, which are JSON already, with labels."""
    labels = {name: field.label for name, field in plan.fields.items()}
    return {
        name: {"label": labels.get(name, name), "value": value} for name, value in values.items()
    }


async def _referring(
    ctx: Context, other: EntityPlan, plan: EntityPlan, record_id: int
) -> list[dict[str, Any]]:
    """Answer the records of an entity that refer to the record, also those in the trash."""
    fields = [
        field
        for field in other.fields.values()
        if field.reference == plan.name and field.name not in _WHO
    ]
    if not fields:
        return []
    statement = Statement(record_id)
    # Asked first: what a plugin guards and cannot load must end the export, not be left out.
    allowed = predicate(ctx, other, "read", "t", statement.next)
    if await is_denied(ctx, other, "read"):
        return []
    statement.args.extend(allowed.args)
    columns = select_list(ctx, other, tuple(other.fields), statement)
    refers = " OR ".join(f"{field.sql()}::text = $1::bigint::text" for field in fields)
    rows = await ctx.db.rows(
        f'SELECT {columns}, t.custom FROM "{other.tablename}" t '  # noqa: S608
        f"WHERE ({refers}) AND ({allowed.text}) ORDER BY t.id",
        *statement.args,
    )
    return [
        {
            "entity": other.name,
            "id": row["id"],
            "title": row[other.title],
            "fields": _fields(other, dict(row)),
        }
        for row in rows
    ]


def _checked(plugin: str, answer: Any) -> Any:  # noqa: ANN401 - a stranger's answer
    """Answer what a plugin holds as JSON takes it.

    Raises:
        HookFailedError: It is no mapping, or holds what JSON has no word for.
    """
    try:
        if not isinstance(answer, Mapping):
            raise TypeError(f"answered {answer!r}, no mapping")  # noqa: TRY301
        return msgspec.to_builtins(dict(answer), str_keys=True)
    except TypeError as error:
        raise HookFailedError(plugin, "personal_data") from error


def _sentences(plugin: str, answer: Any) -> list[str]:  # noqa: ANN401 - a stranger's answer
    if not isinstance(answer, list | tuple) or not all(isinstance(each, str) for each in answer):
        raise HookFailedError(plugin, "erase_personal_data")
    return list(answer)
