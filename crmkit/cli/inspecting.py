"""What a site is made of: `routes`, `policies`, `plugin`, `check`, `makemigrations`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click

from crmkit.access.core import site_of
from crmkit.access.policies import differences, draft_policy
from crmkit.access.predicate import scope_of_role
from crmkit.access.sealing import key_path
from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import Opened, open_site
from crmkit.cli.tables import AS_JSON, print_rows
from crmkit.db.schema import compare_schema
from crmkit.errors import ConflictError, NotFoundError
from crmkit.model.role import VERBS
from crmkit.plugin.discovery import discover
from crmkit.plugin.explain import explain_site
from crmkit.records.plugins.health import ask_health
from crmkit.work.deadline_sweep import find_lost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crmkit.plugin.site import Site


@_commands.command()
@_SITE
@AS_JSON
def routes(site: Path, *, as_json: bool) -> None:
    """List every route with the policy that protects it."""

    async def work() -> None:
        from crmkit.web.app import create_app  # noqa: PLC0415 - the web stack is heavy
        from crmkit.web.policy import list_routes  # noqa: PLC0415

        async with open_site(site) as opened:
            app = create_app(opened.site, opened.db, opened.config)
            lines = list_routes(app)
        rows = [{"method": each.method, "path": each.path, "policy": each.policy} for each in lines]
        print_rows(rows, as_json=as_json)

    _run(work())


@_commands.command()
@_SITE
@AS_JSON
@click.argument("words", nargs=-1)
def explain(site: Path, words: tuple[str, ...], *, as_json: bool) -> None:
    """Say which plugin put each field, panel, button and menu entry there, as far as WORDS fit."""

    async def work() -> None:
        async with open_site(site, migrating=False) as opened:
            origins = [msgspec.to_builtins(each) for each in explain_site(opened.site)]
        wanted = [word.casefold() for word in words]
        rows = [
            row
            for row in origins
            if all(word in " ".join(row.values()).casefold() for word in wanted)
        ]
        print_rows(rows, as_json=as_json)

    _run(work())


@_commands.command()
@_SITE
@AS_JSON
@click.option("--draft", metavar="PLUGIN", help="Print policies.toml of PLUGIN as things stand.")
def policies(site: Path, draft: str | None, *, as_json: bool) -> None:
    """List what each role may do, and where that differs from the policies of plugins.

    Permissions of plugins stand below the entities.
    """

    async def work() -> None:
        async with open_site(site, migrating=False) as opened:
            built = opened.site
        if draft is None:
            print_rows(list(_policy_rows(built)), as_json=as_json)
        elif draft in built.hooks.plugins:
            click.echo(draft_policy(built, draft), nl=False)
        else:
            raise NotFoundError(f"No plugin that is on is called `{draft}`.")

    _run(work())


def _policy_rows(site: Site) -> Iterator[dict[str, Any]]:
    """Answer a row for each entity and role, then for permissions, then for all that differs."""
    found: dict[tuple[str, str], str] = {}
    for plugin in site.hooks.plugins:
        for each in differences(site, plugin):
            key = (each.about, each.role)
            found[key] = f"{found[key]}; {each.text}" if key in found else each.text
    for name, plan in site.entities.items():
        for role in site.roles.values():
            scopes: dict[str, str] = {verb: scope_of_role(site, role, plan, verb) for verb in VERBS}
            differs = found.pop((name, role.name), "")
            yield {"entity": name, "role": role.name, **scopes, "differs": differs}
    nothing: dict[str, str] = dict.fromkeys(VERBS, "")
    for _plugin, permission in site.contributions["permissions"]:
        for role in site.roles.values():
            admin = "all" if role.grants(permission.name) else "none"
            differs = found.pop((permission.name, role.name), "")
            yield {"entity": permission.name, "role": role.name, **nothing, "admin": admin,
                   "differs": differs}  # fmt: skip
    for (about, role_name), text in found.items():
        yield {"entity": about, "role": role_name, **nothing, "differs": text}


@_commands.command()
@_SITE
@AS_JSON
def check(site: Path, *, as_json: bool) -> None:
    """Check settings, roles, plugins and the schema; exit code 1 when something is wrong."""

    async def work() -> None:
        async with open_site(site, migrating=False) as opened:
            problems = [
                *(f"plugin {name}: {reason}" for name, reason in opened.site.failed.items()),
                *(f"migration {name} is pending: run `crmkit migrate`" for name in opened.pending),
            ]
            if not opened.pending:
                problems += await _database_problems(opened)
                lost = await find_lost(opened.context())
                problems += [
                    f"deadline {number} has no timer: `crmkit serve` or a worker puts one within "
                    "the hour"
                    for number in lost
                ]
                health = await ask_health(opened.context())
                problems += [str(each) for each in health if each.problem]
        if as_json:
            click.echo(json.dumps(problems))
        elif not problems:
            click.echo("Nothing is wrong.")
        if problems:
            raise ConflictError("\n".join(problems))

    _run(work())


_SEALS = """SELECT EXISTS (SELECT FROM core_mail_account)
    OR EXISTS (SELECT FROM core_webhook WHERE secret LIKE 'sealed:%')
    OR EXISTS (SELECT FROM core_hook WHERE secret <> '')"""


async def _database_problems(opened: Opened) -> list[str]:
    """Answer what the database lacks: folding of Cyrillic (TRAPS E1), extensions, columns."""
    problems = []
    if await opened.db.value("SELECT lower('ЖУК')") != "жук":
        problems.append(
            "database: Cyrillic letters are not folded, so search will miss them. "
            "Create the database with a UTF-8 locale such as C.UTF-8."
        )
    if not await opened.db.value("SELECT 'жук' % 'жуки'"):
        problems.append(
            "database: trigrams of Cyrillic are empty. Create it with `LC_CTYPE 'C.UTF-8'`."
        )
    if await opened.db.value(_SEALS):
        try:
            mode = key_path(opened.config).stat().st_mode & 0o777
        except OSError:
            problems.append(
                f"{key_path(opened.config)} is missing: passwords of mail accounts and secrets of "
                "webhooks cannot be read. "
                "Bring it back from the backup, or enter the passwords again and renew the secrets."
            )
        else:
            if mode & 0o077:
                problems.append(f"{key_path(opened.config)}: others may read it. Run `chmod 600`.")
    tables = [plan.table for plan in opened.site.entities.values()]
    problems += [
        f"table {each.table} {each.text}" for each in await compare_schema(opened.db, tables)
    ]
    return problems


@_commands.command()
@_SITE
@click.argument("plugin_id")
def makemigrations(site: Path, plugin_id: str) -> None:
    """Write a migration of what PLUGIN_ID declares and the database lacks."""

    async def work() -> None:
        found = discover(site).found.get(plugin_id)
        if found is None:
            raise NotFoundError(f"There is no plugin `{plugin_id}`. See `crmkit plugin list`.")
        async with open_site(site) as opened:
            choice = opened.site.choice
            enabled = (choice.enabled or frozenset()) | {plugin_id}
            trial = site_of(opened.config, msgspec.structs.replace(choice, enabled=enabled))
            if plugin_id in trial.failed:
                raise ConflictError(f"{plugin_id}: {trial.failed[plugin_id]}")
            plans = [p for p in trial.entities.values() if p.plugin == plugin_id]
            differences = await compare_schema(opened.db, [plan.table for plan in plans])
        missing = [each for each in differences if each.sql]
        for each in differences:
            if not each.sql:
                click.echo(f"{each.table} {each.text}; write that change by hand.", err=True)
        if not missing:
            click.echo("Nothing is missing.")
            return
        numbers = [int(path.name[:4]) for path in found.migrations.glob("[0-9]*.sql")]
        name = "tables" if "not in the database" in missing[0].text else "columns"
        path = found.migrations / f"{max(numbers, default=0) + 1:04d}_{name}.sql"
        forward = "\n".join(each.sql for each in missing)
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{forward}\n-- backwards\n{_backwards(forward)}", encoding="utf-8")
        click.echo(f"Wrote {path}. Read it before you commit it.")

    _run(work())


def _backwards(forward: str) -> str:
    tables = re.findall(r"^CREATE TABLE (\S+)", forward, re.MULTILINE)
    lines = [f"DROP TABLE {name};" for name in tables]
    changes = re.findall(r"^ALTER TABLE (\S+)\n(.*?);$", forward, re.MULTILINE | re.DOTALL)
    for table, body in changes:
        names = re.findall(r"ADD COLUMN (\S+)", body)
        lines += [f"ALTER TABLE {table} DROP COLUMN {name};" for name in reversed(names)]
    swapped = r"^DROP INDEX IF EXISTS (\S+);\nCREATE UNIQUE INDEX (\S+) ON (.+);$"
    for plain, unique, where in re.findall(swapped, forward, re.MULTILINE):
        lines += [f"CREATE INDEX {plain} ON {where};", f"DROP INDEX {unique};"]
    return "\n".join(reversed(lines)) + "\n"
