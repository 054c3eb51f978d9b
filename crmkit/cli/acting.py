"""`crmkit run`: does with a record what its page offers, by the action's name."""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click

from crmkit.access.predicate import check
from crmkit.access.principals import find_principal
from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.data import read_pairs
from crmkit.cli.opening import Opened, open_site
from crmkit.cli.tables import AS_JSON, print_rows
from crmkit.cli.users import find_user
from crmkit.errors import ConflictError, CrmkitError
from crmkit.model.values import N_, in_words
from crmkit.records.actions import (
    actions_of,
    check_fits,
    done_words,
    find_action,
    may_act,
    run_action,
)
from crmkit.records.bulk import Selection
from crmkit.records.bulk_actions import bulk_action
from crmkit.records.read import get_record
from crmkit.web.translate import catalogue, catalogue_in_force

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from crmkit.model.action import Action
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

_NUMBER = click.IntRange(1, 2**63 - 1)


@_commands.command("run")
@_SITE
@AS_JSON
@click.option("--as", "person", metavar="EMAIL", help="With the rights and in the name of EMAIL.")
@click.option("--version", type=int, help="Refuse when the record has another version by now.")
@click.argument("entity")
@click.argument("record", type=_NUMBER)
@click.argument("words", nargs=-1, metavar="[RECORD]... [ACTION] [NAME=VALUE]...")
def run(
    site: Path,
    entity: str,
    record: int,
    words: tuple[str, ...],
    *,
    person: str | None,
    version: int | None,
    as_json: bool,
) -> None:
    """Do ACTION with the record of ENTITY that has this number; VALUEs are what it asks for.

    Without ACTION it lists what can be done with the record. What is done is one operation, as by
    the button of the page or the API; of several records each is done or refused by itself.
    """
    numbers, action, values = _read(record, words)
    if len(numbers) > 1 and not action:
        raise click.UsageError("Several records need an action that is done with them.")
    if len(numbers) > 1 and version is not None:
        raise click.UsageError("--version is for one record: each has its own.")

    async def work() -> int:
        async with open_site(site) as opened, _telling(opened) as own:
            raw = read_pairs("Value", values)
            ctx = await _as(opened, own, person)
            plan = ctx.site.entity(entity)
            if not action:
                print_rows(await _offered(ctx, plan, record), as_json=as_json)
                return 0
            found = find_action(plan, action)
            check(ctx, plan, found.permission)
            if len(numbers) > 1:
                return await _do_with_each(ctx, plan, found, numbers, raw, as_json=as_json)
            done = await run_action(ctx, plan, action, record, raw, version)
            if as_json:
                click.echo(json.dumps(msgspec.to_builtins(done)))
                return 0
            click.echo(f"{_told(ctx, found)}, {_base(ctx)}{done.url}")
            _tell_undo(ctx, found, done.operation)
            return 0

    sys.exit(_run(work()))


def _read(first: int, words: Sequence[str]) -> tuple[tuple[int, ...], str, tuple[str, ...]]:
    """Answer the numbers of records, the action and its values: no action is called by a number."""
    rest = list(words)
    numbers = [first]
    while rest and rest[0].isdecimal():
        numbers.append(_NUMBER(rest.pop(0)))
    action = rest.pop(0) if rest else ""
    return tuple(dict.fromkeys(numbers)), action, tuple(rest)


@asynccontextmanager
async def _telling(opened: Opened) -> AsyncIterator[Context]:
    """Give the context of who is at this machine, whom the site tells all in its language."""
    ctx = opened.context()
    before = catalogue_in_force.set(catalogue(opened.config.language, opened.site))
    try:
        yield ctx
    except CrmkitError as error:
        error.message = in_words(error.message, ctx.translate)
        raise
    finally:
        catalogue_in_force.reset(before)


async def _as(opened: Opened, ctx: Context, person: str | None) -> Context:
    """Answer the context, or with it that of a person who may sign in."""
    if person is None:
        return ctx
    found = await find_principal(opened.db, await find_user(opened, person), ctx.site.roles)
    if found is None:
        text = ctx.translate(N_("{name} may not sign in, so nothing is done in this name."))
        raise ConflictError(text.format(name=person))
    # Who reads the answer sits at this machine.
    return replace(ctx, principal=replace(found, language=opened.config.language))


async def _do_with_each(
    ctx: Context, plan: EntityPlan, action: Action, numbers: tuple[int, ...],
    raw: Mapping[str, Any], *, as_json: bool,
) -> int:  # fmt: skip
    """Do an action with several records as a list does, and answer the exit code: 1, one refused.

    It is one operation, which the history undoes; each record is named with what came of it.
    """
    done = await bulk_action(ctx, plan, action.name, Selection(numbers), raw)
    refused = dict(done.skipped)
    if as_json:
        skipped = [{"id": number, "reason": reason} for number, reason in done.skipped]
        answered = {"operation": done.operation, "changed": done.changed, "skipped": skipped}
        click.echo(json.dumps(answered))
        return 1 if refused else 0
    for number in sorted(numbers):
        if number in refused:
            click.echo(f"{number}: {in_words(refused[number], ctx.translate)}", err=True)
        else:
            click.echo(f"{number}: {_told(ctx, action)}, {_base(ctx)}/{plan.name}/{number}")
    if done.changed:
        _tell_undo(ctx, action, done.operation)
    return 1 if refused else 0


def _told(ctx: Context, action: Action) -> str:
    if not action.second_person:
        return done_words(ctx, action)
    text = ctx.translate(N_("{what}: waits for a second person"))
    return text.format(what=ctx.translate(action.label))


def _tell_undo(ctx: Context, action: Action, operation: int) -> None:
    if action.undoable and not action.second_person:
        text = ctx.translate(N_("History undoes it as {operation}."))
        click.echo(text.format(operation=operation))


def _base(ctx: Context) -> str:
    server = ctx.config.server
    return server.base_url.rstrip("/") or f"http://{server.host}:{server.port}"


async def _offered(ctx: Context, plan: EntityPlan, record_id: int) -> list[dict[str, Any]]:
    """Answer the actions of a record, those that cannot be done as it is with why."""
    record = await get_record(ctx, plan, record_id, "read")
    return [
        {
            "action": each.name, "label": ctx.translate(each.label), "asks": _asked(each),
            "refused": _refusal(ctx, plan, each, record),
        }
        for each in actions_of(plan)
        if may_act(ctx, plan, each)
    ]  # fmt: skip


def _asked(action: Action) -> str:
    """Answer what an action asks for, such as "reason= [skip=]"; brackets may be left out."""
    if action.input is None:
        return ""
    fields = msgspec.structs.fields(action.input)
    return " ".join(f"{f.name}=" if f.required else f"[{f.name}=]" for f in fields)


def _refusal(ctx: Context, plan: EntityPlan, action: Action, record: Mapping[str, Any]) -> str:
    try:
        check_fits(ctx, plan, action, record)
    except ConflictError as error:
        return error.message
    return ""
