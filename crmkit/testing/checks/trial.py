"""A plugin on a site of its own, and how it stood before it was there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from crmkit.plugin.extending import HOME
from crmkit.records.plugins.switch import disable_plugin, enable_plugin
from crmkit.testing.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from crmkit.plugin.hookspecs import Plugin
    from crmkit.testing.sites import Place, Running

#: Tables of the core that count, log, or keep who signed in.
_RESTLESS = frozenset({
    "core_plugin", "core_generation", "core_migration", "core_journal", "core_operation",
    "core_session", "core_user",
})  # fmt: skip


class Trial:
    """A plugin under examination.

    Attributes:
        plugin: Its id.
        running: The site, as it is now.
        records: Entity name to a sample record.
    """

    def __init__(self, place: Place, running: Running, plugin: str) -> None:
        self.place = place
        self.running = running
        self.plugin = plugin
        self.records: dict[str, int] = {}
        self.samples = Samples(running.ctx, running.site)
        self._clients: dict[str, httpx.AsyncClient] = {}

    @property
    def own(self) -> list[str]:
        """Names of its entities."""
        plans = self.running.site.entities.values()
        return [plan.name for plan in plans if plan.plugin == self.plugin]

    @property
    def entities(self) -> list[str]:
        """Names of its entities, and of those it adds to."""
        by_entity = self.running.site.extensions.by_entity
        added = [
            name
            for name, all_added in by_entity.items()
            if name != HOME and any(each.plugin == self.plugin for each in all_added)
        ]
        return sorted({*self.own, *added})

    @property
    def code(self) -> type[Plugin]:
        """Its class."""
        return type(self.running.site.hooks.plugins[self.plugin])

    async def switch(self, *, on: bool) -> None:
        """Switch it on or off and take that up."""
        if on:
            await enable_plugin(self.running.ctx, self.plugin, self.running.dsn)
        else:
            await disable_plugin(self.running.ctx, self.plugin)
        await self.rebuild()

    async def rebuild(self) -> None:
        """Take up what was switched; pages are those of the new Site."""
        await self.running.rebuild()
        self.running.fit()
        self._clients.clear()
        self.samples = Samples(self.running.ctx, self.running.site, after=self.samples)

    async def client(self, role: str = "administrator") -> httpx.AsyncClient:
        """Answer a signed-in browser for the Site of the moment."""
        if role not in self._clients:
            self._clients[role] = await self.running.client(role)
        return self._clients[role]

    async def pages(self) -> list[str]:
        """Answer addresses that have to answer whatever the plugin does."""
        paths = ["/", "/search?q=sample", "/settings/plugins", "/history"]
        for name, plan in self.running.site.entities.items():
            if plan.plugin != "core" and (plan.plugin != self.plugin or name in self.records):
                paths.append(f"/{name}")
                if name in self.records:
                    paths.append(f"/{name}/{self.records[name]}")
        return paths

    async def unwell(self) -> list[str]:
        """Answer what is wrong with the pages, each with its address."""
        client = await self.client()
        found = []
        for path in await self.pages():
            status = (await client.get(path)).status_code
            if status != 200:  # noqa: PLR2004 - OK
                found.append(f"{path} answers {status}")
        return found

    async def schema(self) -> set[str]:
        """Answer all that the schema has, with types, defaults, indexes and constraints."""
        return set(await self.running.schema())

    async def counts(self) -> dict[str, int]:
        """Answer the number of rows of each table but those that log."""
        names = await self.running.tables()
        return {
            name: await self.running.db.value(f'SELECT count(*) FROM "{name}"')  # noqa: S608 - of the catalogue
            for name in names
            if name not in _RESTLESS
        }

    async def digest(self) -> dict[str, str]:
        """Answer a digest of the rows of each table but those that log."""
        names = [name for name in await self.running.tables() if name not in _RESTLESS]
        return await self.running.digest(*names)

    @contextmanager
    def counting(self) -> Iterator[list[str]]:
        """Gather the statements that are sent."""
        real, sent = self.running.db._call, []  # noqa: SLF001 - the one place all pass

        async def call(method: str, sql: str, args: Any, *, retry: bool) -> Any:  # noqa: ANN401
            sent.append(sql)
            return await real(method, sql, args, retry=retry)

        self.running.db._call = call  # type: ignore[method-assign]  # noqa: SLF001
        try:
            yield sent
        finally:
            self.running.db._call = real  # type: ignore[method-assign]  # noqa: SLF001
