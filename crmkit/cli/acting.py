"""`crmkit run`: does with a record what its page offers, by the action's name."""

from __future__ import annotations

import json
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
from crmkit.errors import ConflictError
from crmkit.records.actions import actions_of, check_fits, find_action, may_act, run_action
from crmkit.records.read import get_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from crmkit.model.action import Action
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan


@_commands.command("run")
@_SITE
@AS_JSON
@click.option("--as", "person", metavar="EMAIL", help="With the rights and in the name of EMAIL.")
@click.option("--version", type=int, help="Refuse when the record has another version by now.")
@click.argument("entity")
@click.argument("record", type=click.IntRange(1, 2**63 - 1))
@click.argument("action", default="")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
def run(  # noqa: PLR0913 - what a call of an action is made of
    site: Path,
    entity: str,
    record: int,
    action: str,
    values: tuple[str, ...],
    *,
    person: str | None,
    version: int | None,
    as_json: bool,
) -> None:
    """Do ACTION with the record of ENTITY that has this number; VALUEs are what it asks for.

    Without ACTION it lists what can be done with the record. What is done is one operation, as by
    the button of the page or the API.
    """

    async def work() -> None:
        raw = read_pairs("Value", values)
        async with open_site(site) as opened:
            ctx = await _context(opened, person)
            plan = ctx.site.entity(entity)
            if not action:
                print_rows(await _offered(ctx, plan, record), as_json=as_json)
                return
            found = find_action(plan, action)
            check(ctx, plan, found.permission)
            done = await run_action(ctx, plan, action, record, raw, version)
            if as_json:
                click.echo(json.dumps(msgspec.to_builtins(done)))
                return
            server = opened.config.server
            base = server.base_url.rstrip("/") or f"http://{server.host}:{server.port}"
        if found.second_person:
            click.echo(f"{found.label}: waits for a second person, {base}{done.url}")
            return
        click.echo(f"{found.label}: done, {base}{done.url}")
        if found.undoable:
            click.echo(f"History undoes it as {done.operation}.")

    _run(work())


async def _context(opened: Opened, person: str | None) -> Context:
    """Answer the context of who is at this machine, or of a person who may sign in."""
    ctx = opened.context()
    if person is None:
        return ctx
    found = await find_principal(opened.db, await find_user(opened, person), ctx.site.roles)
    if found is None:
        raise ConflictError(f"{person} may not sign in, so nothing is done in this name.")
    return replace(ctx, principal=found)


async def _offered(ctx: Context, plan: EntityPlan, record_id: int) -> list[dict[str, Any]]:
    """Answer the actions of a record, those that cannot be done as it is with why."""
    record = await get_record(ctx, plan, record_id, "read")
    return [
        {
            "action": each.name, "label": each.label, "asks": _asked(each),
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
