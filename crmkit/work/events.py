"""Events: said in the transaction, delivered after it by one job for each plugin that listens.

Nobody pays for an event that nobody hears. A listener that fails is tried again and holds up no
other one. What happens to many records at once is delivered in a few jobs, but heard one by one.
"""

from __future__ import annotations

import difflib
import re
import secrets
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from crmkit.errors import ConflictError, CrmkitError, NotFoundError
from crmkit.model.deadline import Followed
from crmkit.model.event import Event, Happened
from crmkit.model.job import JobOrder
from crmkit.model.values import N_
from crmkit.work.deadline_follow import follow_gathered
from crmkit.work.jobs import enqueue
from crmkit.work.webhook_calls import queue_calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from crmkit.model.context import Context
    from crmkit.model.job import JobEvent
    from crmkit.model.site import SiteLike

#: What happens to every record: `<plugin>.<entity>.<one of these>`.
RECORD_EVENTS = {
    "created": N_("created"),
    "updated": N_("updated"),
    "trashed": N_("moved to the trash"),
    "restored": N_("restored"),
    "merged": N_("merged"),
}
#: Events of the core itself, name to English sentence.
CORE_EVENTS = {
    "core.absence.changed": N_("An absence was entered, changed or taken back"),
    "core.calendar.changed": N_("Working hours or holidays changed"),
    "core.call.received": N_("A call came in"),
    "core.deadline.missed": N_("A deadline has passed"),
    "core.mail.received": N_("A message was received"),
    "core.plugin.disabled": N_("A plugin was switched off"),
    "core.plugin.enabled": N_("A plugin was switched on"),
    "core.user.deactivated": N_("A person may no longer sign in"),
    "core.user.joined": N_("A person may sign in"),
    "core.hook.received": N_("Another system told of something"),
    "core.webhook.tested": N_("A webhook was tested"),
}
#: Lanes of a listener for one entity: records of one lane are heard in order. With a lane for each
#: record many records could not share a job; with one lane a record that fails would hold up all.
_LANES = 64
_IN_A_JOB = 200
#: An event that an event caused, and so on: beyond it they go in a circle.
_DEEPEST = 20


def listeners_of(site: SiteLike, name: str) -> list[str]:
    """Answer the ids of the plugins that are on and listen to an event."""
    return [
        plugin
        for plugin, each in site.hooks.plugins.items()
        if any(fits(text, name) for text in each.listens)
    ]


def webhooks_of(site: SiteLike, name: str) -> list[int]:
    """Answer the webhooks that are on and are told of an event."""
    return [
        number
        for number, events in site.choice.webhooks.items()
        if any(fits(text, name) for text in events)
    ]


def fits(pattern: str, name: str) -> bool:
    """Say whether a pattern of `listens` fits the name of an event."""
    return _pattern(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    """Answer what a pattern of `listens` fits: `*` stands for any letters of one part."""
    return re.compile(re.escape(text).replace(r"\*", r"[a-z0-9_]*"))


def event_names(site: SiteLike) -> dict[str, str]:
    """Answer every event that a Site can tell of, name to English sentence."""
    found = {
        f"{plan.name}.{verb}": f"{plan.singular}: {said}"
        for plan in site.entities.values()
        for verb, said in RECORD_EVENTS.items()
        if verb not in plan.silent
    }
    return (
        found
        | CORE_EVENTS
        | {each.name: each.label for _plugin, each in site.contributions["events"]}
    )


async def publish(
    ctx: Context,
    name: str,
    *,
    entity: str = "",
    record_id: int | None = None,
    data: Mapping[str, Any] | None = None,
    but: str = "",
) -> None:
    """Say that something happened; it stands or falls with the open transaction.

    Args:
        name: A declared event, or one that every entity has.
        data: As JSON can say it.
        but: Id of a plugin that is not told.

    Raises:
        NotFoundError: No plugin that is on declares it.
        ConflictError: Events cause each other in a circle.
    """
    # Made before anybody is looked for: the fixture `events` of crmkit.testing sees it here.
    happened = Happened(name, entity, record_id, dict(data or {}))
    if not listeners_of(ctx.site, name) and not webhooks_of(ctx.site, name):
        _check_name(ctx.site, name)
        return
    if ctx.depth >= _DEEPEST:
        raise ConflictError(
            f"{_DEEPEST} events caused one another, the last one {name}: they go in a circle. "
            "One of the plugins that listen must stop saving what it hears of."
        )
    if ctx.gathered is not None:
        ctx.gathered.append(happened)
    else:
        await _queue(ctx, [happened], but)


def _check_name(site: SiteLike, name: str) -> None:
    names = event_names(site)
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        hint = f" Did you mean `{near[0]}`?" if near else " Its plugin declares it in `events`."
        raise NotFoundError(f"There is no event `{name}`.{hint}")


@asynccontextmanager
async def gathering(ctx: Context) -> AsyncIterator[Context]:
    """Answer a context whose events and deadlines are kept until the block ends.

    Then events are queued, and deadlines looked at, in a few statements for all records.
    """
    if ctx.gathered is not None:
        yield ctx
        return
    inner = replace(ctx, gathered=[])
    yield inner
    gathered = inner.gathered or []
    await follow_gathered(ctx, gathered)
    await _queue(ctx, [each for each in gathered if not isinstance(each, Followed)])


@asynccontextmanager
async def gathering_one(ctx: Context) -> AsyncIterator[None]:
    """Forget what a block said that ends with an error: its savepoint is rolled back."""
    kept = len(ctx.gathered) if ctx.gathered is not None else 0
    try:
        yield
    except BaseException:
        if ctx.gathered is not None:
            del ctx.gathered[kept:]
        raise


async def _queue(ctx: Context, all_of_it: Sequence[Happened], but: str = "") -> None:
    """Queue the jobs of events: one for each listener, lane and two hundred records."""
    orders: dict[str, list[JobOrder]] = defaultdict(list)
    by_place: dict[tuple[str, str, int], list[Happened]] = defaultdict(list)
    for each in all_of_it:
        by_place[each.name, each.entity, (each.record_id or 0) % _LANES].append(each)
    for (name, entity, lane), several in by_place.items():
        for begin in range(0, len(several), _IN_A_JOB):
            said = [[each.record_id, each.data] for each in several[begin : begin + _IN_A_JOB]]
            for plugin in listeners_of(ctx.site, name):
                if plugin == but:
                    continue
                orders[plugin].append(
                    JobOrder(
                        args={
                            "to": plugin,
                            "id": secrets.token_hex(12),
                            "name": name,
                            "entity": entity,
                            "said": said,
                            "at": ctx.now().isoformat(),
                            "by": ctx.user_id,
                            "depth": ctx.depth + 1,
                        },
                        lane=f"{entity}:{lane}" if entity else "",
                    )
                )
    if ctx.site.choice.webhooks:
        told = [
            (number, each.name, {**each.data, "entity": each.entity, "record": each.record_id,
                                 "by": ctx.user_id})
            for each in all_of_it
            for number in webhooks_of(ctx.site, each.name)
        ]  # fmt: skip
        await queue_calls(ctx, told)
    for plugin, wanted in orders.items():
        await enqueue(ctx, "core.deliver_event", wanted, plugin=plugin)


async def deliver_event(event: JobEvent) -> None:
    """Let a plugin hear of events; of several the one that it fails at is tried again alone."""
    args = event.args
    ctx = replace(event.ctx, cause="event", depth=args["depth"])
    for record_id, data in args["said"]:
        heard = Event(
            ctx,
            f"{args['id']}:{record_id or 0}",
            args["name"],
            datetime.fromisoformat(args["at"]),
            args["entity"],
            record_id,
            data,
            args["by"],
        )
        if len(args["said"]) == 1:
            await ctx.site.hooks.ask(args["to"], "on_event", heard)
            continue
        try:
            async with ctx.db.transaction():
                await ctx.site.hooks.ask(args["to"], "on_event", heard)
        except CrmkitError:
            alone = {**args, "said": [[record_id, data]]}
            lane = f"{args['entity']}:{(record_id or 0) % _LANES}"
            await enqueue(
                ctx, "core.deliver_event", [JobOrder(args=alone, lane=lane)], plugin=args["to"]
            )
