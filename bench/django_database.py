"""The peer's database: on the same server, with the same rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import asyncpg

NAME = "bench_django"
_CHUNK = 20_000
_USERS = """
SELECT id, name, '', '', email, '!' || id, role = 'administrator', true, true, now() FROM core_user
"""
#: Table of the peer, its columns, and where its rows come from.
_COPIED = (
    ("auth_group", ("id", "name"), "SELECT id, name FROM core_team"),
    (
        "auth_user",
        ("id", "username", "first_name", "last_name", "email", "password", "is_superuser",
         "is_staff", "is_active", "date_joined"),
        _USERS,
    ),
    ("auth_user_groups", ("user_id", "group_id"), "SELECT id, team FROM core_user WHERE team > 0"),
    ("sales_company", ("id", "name", "sector", "city", "website"),
     "SELECT id, name, sector, city, website FROM crm_company"),
    (
        "sales_person",
        ("id", "name", "job_title", "company_id", "email", "phone", "city", "owner_id", "team_id"),
        "SELECT id, name, job_title, company, email, phone, city, owner, team FROM crm_person",
    ),
    ("sales_note", ("id", "person_id", "text", "at"),
     "SELECT id, person, subject, done_at FROM crm_activity"),
)  # fmt: skip
_SELLERS_MAY = """
INSERT INTO auth_group_permissions (group_id, permission_id)
SELECT g.id, p.id FROM auth_group g, auth_permission p
JOIN django_content_type c ON c.id = p.content_type_id WHERE c.app_label = 'sales'
"""
_SEQUENCES = """
SELECT setval(pg_get_serial_sequence('{0}', 'id'), (SELECT max(id) FROM {0}))
"""


def _own(dsn: str) -> str:
    return dsn.replace("/crmkit?", f"/{NAME}?")


async def fill(dsn: str, environment: dict[str, str]) -> None:
    """Make the database anew and copy users, teams, companies, people and calls into it."""
    source = await asyncpg.connect(dsn)
    try:
        await source.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        await source.execute(f"CREATE DATABASE {NAME}")
        _prepare(environment, "tables")
        target = await asyncpg.connect(_own(dsn))
        try:
            for table, columns, query in _COPIED:
                async with source.transaction():
                    cursor = await source.cursor(query)
                    while rows := await cursor.fetch(_CHUNK):
                        await target.copy_records_to_table(
                            table, columns=columns, records=[tuple(row) for row in rows]
                        )
                await target.execute(_SEQUENCES.format(table))
            await target.execute(_SELLERS_MAY)
            await target.execute("VACUUM ANALYZE")
        finally:
            await target.close()
    finally:
        await source.close()


async def clean(dsn: str, last: int) -> None:
    """Take away the people that earlier runs wrote."""
    connection = await asyncpg.connect(_own(dsn))
    try:
        if await connection.execute("DELETE FROM sales_person WHERE id > $1", last) != "DELETE 0":
            await connection.execute("VACUUM ANALYZE sales_person")
    finally:
        await connection.close()


def open_sessions(environment: dict[str, str], users: list[int]) -> list[str]:
    """Sign users in and answer the values of their cookies."""
    found: list[str] = json.loads(_prepare(environment, "sessions", *map(str, users)))
    return found


def _prepare(environment: dict[str, str], *words: str) -> str:
    command = [sys.executable, "-m", "bench.peers.django_admin.prepare", *words]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    return done.stdout
