"""`crmkit plugin check`: tries a plugin on a site of its own, and says what does not hold."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import CrmkitError, NotFoundError, PluginError
from crmkit.plugin.discovery import MANIFEST, discover
from crmkit.plugin.manifest import read_manifest
from crmkit.records.plugins.switch import enable_plugin
from crmkit.testing.checks import hooks, life, pages, rights, schema
from crmkit.testing.checks.trial import Trial
from crmkit.testing.sites import new_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from crmkit.testing.sites import Place, Running


class Finding(msgspec.Struct, frozen=True):
    """What one check found.

    Attributes:
        check: What was looked at.
        problems: What does not hold, with place and remedy; none when all is well.
    """

    check: str
    problems: tuple[str, ...] = ()


async def check_plugin(
    source: str, server: str, site: Path | None = None, tell: Callable[[str], None] = lambda _: None
) -> list[Finding]:
    """Try a plugin on empty sites of its own; yours is not touched.

    Args:
        source: Id of a plugin that is installed or lies in the site, or the path of a folder.
        server: Address of a server's owner role, where databases are made and dropped.
        site: Folder whose plugins are looked through.
        tell: Called with the name of each check before it begins.

    Raises:
        NotFoundError: There is no such plugin.
    """
    plugin, beside = _find(source, site)
    run = _Run(plugin, beside, server, tell)
    return await run.all()


def _find(source: str, site: Path | None) -> tuple[str, list[Path]]:
    """Answer the id, and folders that must be copied to a trial site."""
    folder = Path(source)
    if (folder / MANIFEST).is_file():
        manifest = read_manifest(folder / MANIFEST)
        near = {
            each.parent.name: each.parent for each in folder.resolve().parent.glob(f"*/{MANIFEST}")
        }
        return manifest.id, list(_with_needs(manifest.id, near))
    known = discover(site)
    if source in known.broken:
        raise PluginError(known.broken[source])
    if source not in known.found:
        raise NotFoundError(
            f"There is no plugin `{source}`, and no folder of that name with a {MANIFEST}. "
            f"Known are: {', '.join(known.found)}."
        )
    own = {name: each.folder for name, each in known.found.items() if each.root is not None}
    return source, list(_with_needs(source, own))


def _with_needs(plugin: str, folders: Mapping[str, Path]) -> Iterator[Path]:
    """Answer the folder of a plugin and of those it requires; installed ones have none here."""
    if plugin in folders:
        yield folders[plugin]
        for name in read_manifest(folders[plugin] / MANIFEST).needs:
            yield from _with_needs(name, folders)


class _Run:
    def __init__(
        self, plugin: str, beside: list[Path], server: str, tell: Callable[[str], None]
    ) -> None:
        self._plugin = plugin
        self._beside = beside
        self._server = server
        self._tell = tell
        self._found: list[Finding] = []

    async def all(self) -> list[Finding]:
        """Do every check; one that makes the later ones impossible ends the run."""
        async with self._place() as place:
            async with place.start(without=(self._plugin,)) as bare:
                needed = await self._needed(bare)
                trial = Trial(place, bare, self._plugin)
                before, rows = await trial.schema(), await trial.counts()
            async with place.start() as running:
                if not await self._begin(running, needed):
                    return self._found
                on = [n for n, info in running.site.plugins.items() if info.state == "enabled"]
                await self._examine(Trial(place, running, self._plugin), before, rows)
        async with self._place() as place:
            await self._gather(
                "three processes migrate at once",
                schema.three_processes_migrate(place, on),
            )
        return self._found

    async def _examine(self, trial: Trial, before: set[str], rows: dict[str, int]) -> None:
        add = self._gather
        await add("tables are what the migrations make", schema.tables_equal_migrations(trial))
        await add("migrations go up, down and up", schema.up_down_up(trial, before))
        await add("records can be made", pages.make_samples(trial))
        await add("policies hold", rights.policies_hold(trial))
        await add("pages answer as roles say", pages.pages_answer_as_roles_say(trial))
        await add("records are met as policies say", rights.records_are_met_as_policies_say(trial))
        await add("off changes no row", life.off_changes_no_row(trial))
        await add("an archive brings the same back", life.archive_brings_the_same_back(trial))
        await add("no hook takes pages down", hooks.no_hook_takes_pages_down(trial))
        await add("statements do not grow with rows", pages.statements_do_not_grow(trial))
        await add("purge leaves nothing", life.purge_leaves_nothing(trial, before, rows))

    async def _gather(self, check: str, problems: AsyncIterator[str]) -> None:
        self._tell(check)
        found = []
        try:
            async for problem in problems:
                found.append(self._placed(problem))  # noqa: PERF401 - what was found stays
        except CrmkitError as error:
            found.append(self._placed(error.message))
        except Exception as error:  # noqa: BLE001 - a check that breaks is a finding
            found.append(self._placed(f"the check broke off: {error!r}"))
        self._found.append(Finding(check, tuple(dict.fromkeys(found))))

    def _placed(self, problem: str) -> str:
        """Name the folder that the author knows, not the copy."""
        for folder in self._beside:
            for part in problem.split():
                copied = part.partition(f"/plugins/{folder.name}")[0]
                if "crmkit-check-" in copied:
                    problem = problem.replace(f"{copied}/plugins/{folder.name}", str(folder))
        return problem

    async def _begin(self, running: Running, needed: list[str]) -> bool:
        """Switch it on, with what it needs; say whether it is on."""
        check = "manifest, prefixes and code"
        self._tell(check)
        try:
            for name in (*needed, self._plugin):
                if running.site.plugins[name].state != "enabled":
                    await enable_plugin(running.ctx, name, running.dsn)
                    await running.rebuild()
            running.fit()
        except CrmkitError as error:
            self._found.append(Finding(check, (self._placed(error.message),)))
            return False
        info = running.site.plugins[self._plugin]
        problems = () if info.state == "enabled" else (self._placed(info.reason),)
        self._found.append(Finding(check, problems))
        return not problems

    async def _needed(self, bare: Running) -> list[str]:
        """Answer the plugins it requires, each after what it requires itself."""
        known, order = bare.site.plugins, []

        def add(name: str) -> None:
            for each in known[name].manifest.needs if name in known else ():
                if each not in order:
                    add(each)
                    order.append(each)

        add(self._plugin)
        return order

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[Place]:
        folder = Path(tempfile.mkdtemp(prefix="crmkit-check-"))
        try:
            async with new_place(folder, self._server, is_new=True) as place:
                for each in self._beside:
                    place.add(each)
                yield place
        finally:
            shutil.rmtree(folder, ignore_errors=True)
