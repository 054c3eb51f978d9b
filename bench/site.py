"""The measured site: made once for each size and seed, kept between runs, cleaned before each."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import asyncpg
import msgspec

from bench import django_database
from bench.servers import pin_rest
from crmkit.access.sessions import open_session
from crmkit.cli.site_server import SiteServer
from crmkit.config import load_config
from crmkit.db.engine import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).resolve().parents[1]
SITES = Path(__file__).with_name(".sites")
#: What makes a kept site useless when it changes.
_MADE_OF = ("crmkit/cli/samples.py", "crmkit/cli/seeding.py", "bench/site.py",
            "bench/django_database.py", "bench/peers/django_admin/models.py")  # fmt: skip
_TOML = """\
name = "Bench"

[database.settings]
# Counts statements; crmkit itself does not ask for it.
shared_preload_libraries = "pg_stat_statements"
"""
#: A seller sees own and team rows: a tenth of all.
_ROLES = """\
[administrator]
label = "Administrator"
rights."*" = { read = "all", create = "all", edit = "all", delete = "all", import = "all", \
export = "all", admin = "all" }

[seller]
label = "Seller"
rights."*" = { read = "team", create = "own", edit = "own", delete = "own" }
rights."core.*" = { read = "all", create = "none", edit = "none", delete = "none" }
"""
_GROWING = {
    "crm_person": "id", "core_journal": "id", "core_operation": "id", "core_stage_history": "id",
}  # fmt: skip


class Marks(msgspec.Struct, frozen=True):
    """Where the seeded rows end; `last` maps a table to its largest id."""

    digest: str
    last: dict[str, int]
    seeded_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Person:
    """Who is measured: `cookie` of crmkit and the floor, `token` of forms, `django` cookie."""

    role: str
    user_id: int
    token: str
    django: str

    @property
    def cookie(self) -> str:
        """Answer the header."""
        return f"crmkit={self.token}"


@dataclass(frozen=True, slots=True)
class BenchSite:
    """A site whose server runs.

    Attributes:
        django: Environment in which the peer finds its database, without the rest.
        records: Ids of people with history that the seller sees.
    """

    folder: Path
    owner_dsn: str
    app_dsn: str
    super_dsn: str
    seller: Person
    admin: Person
    django: dict[str, str]
    records: list[int]
    seeded_seconds: float


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows: `times` the first size."""

    people: int
    companies: int
    history: int
    imported: int

    @classmethod
    def of(cls, times: float) -> Size:
        """Answer the size that is so many times the first one."""
        return cls(
            int(100_000 * times), int(20_000 * times), int(100_000 * times), int(10_000 * times)
        )


def _digest(size: Size) -> str:
    total = hashlib.sha256(repr(size).encode())
    for name in _MADE_OF:
        total.update((ROOT / name).read_bytes())
    for path in sorted(ROOT.glob("crmkit/*/migrations/*.sql")):
        total.update(path.read_bytes())
    return total.hexdigest()


@asynccontextmanager
async def bench_site(size: Size, folder: Path | None = None) -> AsyncIterator[BenchSite]:
    """Open the site of a size; its PostgreSQL runs until the end.

    Args:
        folder: Where it lies; default is a place that is kept for the next run.
    """
    folder = folder or SITES / str(size.people)
    digest = _digest(size)
    marks = _read_marks(folder)
    if marks is None or marks.digest != digest:
        _erase(folder)
        seconds = _fill(folder, size)
    else:
        seconds = marks.seeded_seconds
    pin_rest()  # now, since filling takes what the machine has
    server = SiteServer(load_config(folder))
    try:
        addresses = server.start()
        superuser = addresses.owner.replace("crmkit_owner@", "postgres@")
        superuser = superuser.replace("/crmkit?", "/postgres?")
        environment = _django_environment(addresses.owner)
        if marks is None or marks.digest != digest:
            await django_database.fill(addresses.owner, environment)
            marks = Marks(digest, await _last(addresses.owner), seconds)
            (folder / "marks.json").write_bytes(msgspec.json.encode(marks))
        await _clean(addresses.owner, marks)
        await django_database.clean(addresses.owner, marks.last["crm_person"])
        seller, admin = await _sign_in(addresses.owner, environment)
        records = await _find_records(addresses.owner, seller.user_id)
        yield BenchSite(
            folder, addresses.owner, addresses.app, superuser, seller, admin, environment,
            records, marks.seeded_seconds,
        )  # fmt: skip
    finally:
        server.stop()


def _read_marks(folder: Path) -> Marks | None:
    path = folder / "marks.json"
    return msgspec.json.decode(path.read_bytes(), type=Marks) if path.is_file() else None


def _erase(folder: Path) -> None:
    if (folder / "crmkit.toml").is_file():
        from crmkit.db.server import EmbeddedServer  # noqa: PLC0415

        server = EmbeddedServer(load_config(folder).var / "postgres")
        server.start()
        server.erase()
        (folder / "marks.json").unlink(missing_ok=True)


def _fill(folder: Path, size: Size) -> float:
    """Make and seed the site; answer the seconds that `crmkit seed` says it took."""
    (folder / "config").mkdir(parents=True, exist_ok=True)
    (folder / "crmkit.toml").write_text(_TOML, "utf-8")
    (folder / "config" / "roles.toml").write_text(_ROLES, "utf-8")
    crmkit = [sys.executable, "-m", "crmkit"]
    at = ["--site", str(folder)]
    subprocess.run([*crmkit, "init", *at], check=True, stdout=subprocess.DEVNULL)
    words = ["--people", str(size.people), "--companies", str(size.companies)]
    words += ["--history", str(size.history)]
    done = subprocess.run(
        [*crmkit, "seed", *words, *at], check=True, stdout=subprocess.PIPE, text=True
    )
    account = ["--name", "Ada Boss", "--role", "administrator", "--password", "correct horse bench"]
    subprocess.run(
        [*crmkit, "user", "create", "ada@crm.example", *account, *at], check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return float(done.stdout.rpartition(" in ")[2].partition(" ")[0])


async def _last(dsn: str) -> dict[str, int]:
    connection = await asyncpg.connect(dsn)
    try:
        return {
            table: await connection.fetchval(f"SELECT coalesce(max({key}), 0) FROM {table}")  # noqa: S608
            for table, key in _GROWING.items()
        }
    finally:
        await connection.close()


async def _clean(dsn: str, marks: Marks) -> None:
    """Take away what earlier runs created or imported, and gather statistics anew."""
    connection = await asyncpg.connect(dsn)
    try:
        person = marks.last["crm_person"]
        gone = await connection.execute("DELETE FROM crm_person WHERE id > $1", person)
        if gone != "DELETE 0":
            await connection.execute(
                "DELETE FROM core_search WHERE entity = 'crm.person' AND record > $1", person
            )
            await connection.execute(
                "DELETE FROM core_external WHERE entity = 'crm.person' AND record > $1", person
            )
            for table in ("core_journal", "core_operation", "core_stage_history"):
                await connection.execute(
                    f"DELETE FROM {table} WHERE id > $1",  # noqa: S608 - of this file
                    marks.last[table],
                )
            await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def _sign_in(dsn: str, environment: dict[str, str]) -> tuple[Person, Person]:
    db = Database(dsn, pool_min=1, pool_max=2)
    await db.open()
    try:
        people = []
        for role, name in (("seller", "Seller 1"), ("administrator", "Ada Boss")):
            user = await db.value("SELECT id FROM core_user WHERE name = $1", name)
            session = await open_session(db, user, "127.0.0.1", "bench")
            people.append((role, user, session.token))
    finally:
        await db.close()
    cookies = django_database.open_sessions(environment, [user for _role, user, _token in people])
    seller, admin = (
        Person(*person, cookie) for person, cookie in zip(people, cookies, strict=True)
    )
    return seller, admin


async def _find_records(dsn: str, seller: int) -> list[int]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT p.id FROM crm_person p JOIN core_user u ON u.id = $1 "
            "WHERE (p.owner = u.id OR p.team = u.team) "
            "AND EXISTS (SELECT 1 FROM crm_activity a WHERE a.person = p.id) "
            "ORDER BY p.id LIMIT 500",
            seller,
        )
    finally:
        await connection.close()
    return [row["id"] for row in rows]


def _django_environment(dsn: str) -> dict[str, str]:
    place = parse_qs(urlsplit(dsn).query)
    return {
        "BENCH_DJANGO_DATABASE": django_database.NAME,
        "BENCH_DJANGO_HOST": place["host"][0],
        "BENCH_DJANGO_PORT": place["port"][0],
        "PYTHONPATH": str(ROOT),
    }
