"""One run: site, servers, rows, table, file of results."""

from __future__ import annotations

import statistics
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import msgspec

from bench import actions, machine, rows
from bench.browser import measure_browser
from bench.client import BenchError, Browser, get
from bench.measure import Figures, Meter
from bench.servers import Server, crmkit_command, django_command, floor_command
from bench.site import BenchSite, Size, bench_site
from bench.statements import StatementCounter
from bench.table import Results, make_table
from bench.transfers import COUNT_NEW, count_new, import_file, measure_import

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bench.measure import Action
    from bench.servers import Command
    from bench.site import Person

    Prepare = Callable[[BenchSite, Person, Browser], Awaitable[dict[str, Action]]]

RESULTS = Path(__file__).with_name("results")
#: Runs of an action in a round, rounds; seconds of eight connections, and how often.
_TIMES, _ROUNDS = 10, 6
_SECONDS, _CROWDS = 1.0, 2
_STARTS = 3
_EXPORTS = 3
#: The peer needs minutes for a larger file.
_PEER_IMPORTS = 10_000


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure; an empty `only` means everything, `alone` leaves floor and peer out."""

    size: float = 1.0
    only: frozenset[str] = frozenset()
    quick: bool = False
    alone: bool = False

    def wants(self, key: str) -> bool:
        """Say whether a row is to be measured."""
        return not self.only or key in self.only


@dataclass(frozen=True, slots=True)
class System:
    """Who is measured, how it is served and what its pages send."""

    name: str
    command: Command
    page: str
    export: str
    prepare: Prepare
    database: str

    def cookie(self, person: Person) -> str:
        """Answer the cookie header of a person."""
        return actions.django_cookie(person) if self.name == "django" else person.cookie


async def run_bench(options: Options) -> None:
    """Measure what is asked for, print the table, keep the results."""
    began = time.perf_counter()
    size = Size.of(options.size)
    about = machine.describe()
    async with bench_site(size) as site:
        run = _Run(site, size, options)
        await run.measure()
    if options.wants("start-cold"):
        await run.measure_cold_start()
    about["load after"] = machine.describe()["load"]
    about["seconds"] = round(time.perf_counter() - began, 1)
    print(make_table(run.results, None if options.size == 1 else _read_first()))
    _keep(options, about, run.results)


def _read_first() -> Results | None:
    """Read the latest results of the first size."""
    paths = sorted(RESULTS.glob("*-1.json"))
    if not paths:
        return None
    kept = msgspec.json.decode(paths[-1].read_bytes())
    return {
        row: {system: Figures(**done) for system, done in by_system.items()}
        for row, by_system in kept["rows"].items()
    }


def _keep(options: Options, about: dict[str, object], results: Results) -> None:
    """Write the results; a run of some rows only is kept nowhere."""
    if options.only or options.quick or options.alone:
        return
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{options.size:g}.json"
    figures = {
        row: {system: asdict(done) for system, done in by_system.items()}
        for row, by_system in results.items()
    }
    text = msgspec.json.format(msgspec.json.encode({"about": about, "rows": figures}), indent=1)
    path.write_bytes(text + b"\n")
    _say(f"kept in {path}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class _Run:
    """The measuring of one site."""

    def __init__(self, site: BenchSite, size: Size, options: Options) -> None:
        self.results: Results = {}
        self._site, self._size, self._options = site, size, options
        self._log = site.folder / "servers.log"
        systems = [
            System("crmkit", crmkit_command(site.folder), "/crm.person", "/crm.person/export",
                   actions.crmkit_actions, "crmkit"),
            System("floor", floor_command(site.app_dsn), "/list", "/export",
                   actions.floor_actions, "crmkit"),
            System("django", django_command(site.django), "/admin/sales/person/?o=1",
                   "/admin/sales/person/export/", actions.django_actions,
                   site.django["BENCH_DJANGO_DATABASE"]),
        ]  # fmt: skip
        self._systems = systems[:1] if options.alone else systems

    async def measure(self) -> None:
        """Measure all rows that need PostgreSQL to run, the reading ones first."""
        self._note("seed", "crmkit", Figures(p50=self._site.seeded_seconds))
        if self._options.wants("start"):
            await self._starts()
        async with self._serving() as servers:
            for row in rows.PAGES:
                await self._page(row, servers)
            if self._options.wants("export"):
                await self._exports(servers)
            if self._options.wants("memory"):
                for name, server in servers.items():
                    self._note("memory", name, Figures(p50=server.memory()))
            if self._options.wants("browser"):
                await self._browser(servers["crmkit"])
            if self._options.wants("import"):
                await self._imports(servers)

    async def measure_cold_start(self) -> None:
        """Time a start that starts PostgreSQL, too; nobody else may use it."""
        server = Server(crmkit_command(self._site.folder), self._log)
        try:
            seconds = await server.first_page(get("/crm.person"), self._site.seller.cookie)
        finally:
            server.stop()
        self._note("start-cold", "crmkit", Figures(p50=seconds))

    def _note(self, row: str, system: str, figures: Figures) -> None:
        self.results.setdefault(row, {})[system] = figures
        _say(f"{row:24} {system:7} {figures.p50 or 0:10.2f}")

    async def _starts(self) -> None:
        for system in self._systems:
            taken = []
            for _turn in range(_STARTS):
                server = Server(system.command, self._log)
                try:
                    cookie = system.cookie(self._site.seller)
                    taken.append(await server.first_page(get(system.page), cookie))
                finally:
                    server.stop()
            self._note("start", system.name, Figures(p50=statistics.median(taken)))

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[dict[str, Server]]:
        servers: dict[str, Server] = {}
        try:
            for system in self._systems:
                servers[system.name] = server = Server(system.command, self._log)
                await server.first_page(get(system.page), system.cookie(self._site.seller))
            yield servers
        finally:
            for server in servers.values():
                server.stop()

    @asynccontextmanager
    async def _counting(self, system: System) -> AsyncIterator[StatementCounter]:
        counter = StatementCounter(self._site.super_dsn, system.database)
        await counter.open()
        try:
            yield counter
        finally:
            await counter.close()

    def _person(self, row: rows.Row) -> Person:
        return self._site.seller if row.user == "seller" else self._site.admin

    async def _page(self, row: rows.Row, servers: dict[str, Server]) -> None:
        """Measure one row on all systems, one right after the other."""
        if not self._options.wants(row.key):
            return
        person = self._person(row)
        async with AsyncExitStack() as stack:
            meters = {}
            for system in self._systems:
                browser = Browser(servers[system.name].port, system.cookie(person))
                action = (await system.prepare(self._site, person, browser)).get(row.key)
                if action is not None:
                    counter = await stack.enter_async_context(self._counting(system))
                    meters[system.name] = Meter(browser, action, counter)
            await self._rounds(list(meters.values()))
        for name, meter in meters.items():
            self._note(row.name, name, meter.figures())

    async def _rounds(self, meters: list[Meter]) -> None:
        for meter in meters:
            await meter.warm()
        for _round in range(1 if self._options.quick else _ROUNDS):
            for meter in meters:
                await meter.measure(_TIMES)
        for _round in range(0 if self._options.quick else _CROWDS):
            for meter in meters:
                await meter.crowd(_SECONDS)

    async def _exports(self, servers: dict[str, Server]) -> None:
        row = next(each for each in rows.ONCE if each.key == "export")
        for system in self._systems:
            browser = Browser(servers[system.name].port, system.cookie(self._site.admin))
            request = get(system.export)
            if system.name == "django":
                request = actions.django_export(system.export)
            turns = 1 if system.name == "django" or self._options.quick else _EXPORTS
            taken, size = [], 0
            async with self._counting(system) as counter:
                before = await counter.read()
                for _turn in range(turns):
                    began = time.perf_counter()
                    answer = await browser.send(request)
                    taken.append(time.perf_counter() - began)
                    size = answer.size
                    self._check_export(system, answer.text)
                statements = (await counter.read() - before) / turns
            await browser.close()
            done = Figures(p50=statistics.median(taken), statements=statements, kib=size / 1024)
            self._note(row.name, system.name, done)

    def _check_export(self, system: System, text: str) -> None:
        lines = text.count("\n") - 1
        if lines < self._size.people:
            raise BenchError(f"The export of {system.name} has {lines} rows: {text[:300]}")

    async def _imports(self, servers: dict[str, Server]) -> None:
        row = next(each for each in rows.ONCE if each.key == "import")
        data = import_file(self._size.imported, self._size.companies, self._size.people)
        for system in self._systems:
            if system.name == "floor":
                continue
            if system.name == "django" and self._size.imported > _PEER_IMPORTS:
                continue
            browser = Browser(servers[system.name].port, system.cookie(self._site.admin))
            async with self._counting(system) as counter:
                done = await measure_import(browser, self._site.admin, data, counter)
            await browser.close()
            await self._check_import(system)
            self._note(row.name, system.name, done)

    async def _check_import(self, system: System) -> None:
        """Refuse a time in which not everybody of the file was written."""
        table = "sales_person" if system.name == "django" else "crm_person"
        dsn = self._site.owner_dsn.replace("/crmkit?", f"/{system.database}?")
        connection = await asyncpg.connect(dsn)
        try:
            number = await connection.fetchval(COUNT_NEW.format(table))
        finally:
            await connection.close()
        wanted = count_new(self._size.imported)
        if number != wanted:
            raise BenchError(f"The import of {system.name} wrote {number} of {wanted} new people.")

    async def _browser(self, server: Server) -> None:
        found = await measure_browser(server.port, self._site.seller.token, "/crm.person")
        if found is None:
            _say("browser: no Chromium here; the rows are left out.")
            return
        for (requests, kib), measured in zip(rows.BROWSER, found, strict=True):
            self._note(requests.name, "crmkit", Figures(p50=measured.requests))
            self._note(kib.name, "crmkit", Figures(p50=measured.kib))
