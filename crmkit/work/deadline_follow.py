"""Deadlines that records have by themselves, as the declaration of the kind says."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from crmkit.errors import CrmkitError, HookFailedError
from crmkit.model.deadline import DeadlineOrder, Followed
from crmkit.work.deadline_orders import set_many

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from crmkit.model.context import Context
    from crmkit.model.deadline import DeadlineKind


async def follow_records(
    ctx: Context, entity: str, records: Sequence[int], changed: Collection[str] | None = None
) -> None:
    """Look at the deadlines that saved records have by themselves.

    Within work with many records they are looked at when all of them are saved.

    Args:
        changed: Fields that were written; None is a new record, or one that came back.
    """
    kinds = {
        f"{plugin}.{each.name}": (plugin, each)
        for plugin, each in ctx.site.contributions["deadlines"]
        if each.entity == entity
        and (changed is None or not each.fields or not set(each.fields).isdisjoint(changed))
    }
    if not kinds or not records:
        return
    if ctx.gathered is not None:
        ctx.gathered.extend(Followed(entity, each, tuple(kinds)) for each in records)
        return
    for name, (plugin, kind) in kinds.items():
        await _follow(ctx, plugin, name, kind, records)


async def follow_gathered(ctx: Context, gathered: Iterable[object]) -> None:
    """Look at the records that were saved together, each once."""
    by_kind: dict[str, dict[int, None]] = defaultdict(dict)
    for each in gathered:
        if isinstance(each, Followed):
            for kind in each.kinds:
                by_kind[kind][each.record] = None
    for plugin, kind in ctx.site.contributions["deadlines"]:
        name = f"{plugin}.{kind.name}"
        if name in by_kind:
            await _follow(ctx, plugin, name, kind, list(by_kind[name]))


async def _follow(
    ctx: Context, plugin: str, name: str, kind: DeadlineKind, records: Sequence[int]
) -> None:
    if kind.follow is None:
        return
    try:
        orders = list(await kind.follow(ctx, records))
    except CrmkitError:
        raise
    except Exception as error:
        raise HookFailedError(plugin, "deadlines") from error
    said = {each.record for each in orders}
    silent = [DeadlineOrder(record=each, due=None) for each in records if each not in said]
    await set_many(ctx, kind.entity, name, [*orders, *silent])
