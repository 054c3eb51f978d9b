"""Sessions in the database: a random secret in the cookie, its digest in the row."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from crmkit.model.context import Principal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.db.engine import Database
    from crmkit.model.role import Role

_IDLE = timedelta(hours=3)
SESSION_LIFE = timedelta(hours=12)
_TOUCH_SECONDS = 60


class Session(msgspec.Struct, frozen=True):
    """A session just opened; `token` goes into the cookie and is kept nowhere."""

    token: str
    user_id: int


class SessionRow(msgspec.Struct, frozen=True):
    """An open session as its owner sees it."""

    id: str
    created_at: datetime
    seen_at: datetime
    address: str
    device: str


def digest(token: str) -> str:
    """Answer what is stored of a secret."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


async def open_session(db: Database, user_id: int, address: str, device: str) -> Session:
    """Open a session with a fresh id; called at sign-in and nowhere else."""
    token = secrets.token_urlsafe(32)
    await db.execute("DELETE FROM core_session WHERE expires_at < now()")
    await db.execute(
        "INSERT INTO core_session (id, user_id, expires_at, address, device) "
        "VALUES ($1, $2, now() + $3::interval, $4, $5)",
        digest(token),
        user_id,
        SESSION_LIFE,
        address[:100],
        device[:200],
    )
    return Session(token, user_id)


_FIND = """
WITH RECURSIVE me AS (
    SELECT u.id, u.name, u.role, u.team, u.language, u.time_zone, u.theme,
        u.phone <> '' AS has_phone, s.id AS session, s.seen_at
    FROM core_session s JOIN core_user u ON u.id = s.user_id
    WHERE s.id = $1 AND s.expires_at > now() AND s.seen_at > now() - $2::interval
        AND u.active AND u.trashed_at IS NULL
), mine (id) AS (
    SELECT team FROM me WHERE team IS NOT NULL
    UNION SELECT t.id FROM core_team t JOIN me ON t.manager = me.id
), led (id) AS (
    SELECT t.id FROM core_team t JOIN me ON t.manager = me.id
    UNION SELECT t.id FROM core_team t JOIN led ON t.parent = led.id
)
SELECT me.*, ARRAY(SELECT id FROM mine UNION SELECT id FROM led) AS teams,
    me.seen_at < now() - make_interval(secs => $3) AS stale,
    (SELECT count(*) FROM (SELECT FROM core_notification n
        WHERE n.user_id = me.id AND n.read_at IS NULL AND n.in_app LIMIT 100) x) AS unread
FROM me
"""


async def find_session(
    db: Database, token: str, roles: Mapping[str, Role], *, by_itself: bool = False
) -> Principal | None:
    """Answer who a cookie belongs to; None when unknown, idle for 3 hours, or 12 hours old.

    A session ends at once when its user is disabled or trashed.

    Args:
        by_itself: The page asks without anybody's doing, which does not count as use.
    """
    row = await db.row(_FIND, digest(token), _IDLE, _TOUCH_SECONDS)
    if row is None:
        return None
    role = roles.get(row["role"])
    if role is None:
        return None
    if row["stale"] and not by_itself:
        await db.execute("UPDATE core_session SET seen_at = now() WHERE id = $1", row["session"])
    return Principal(
        user_id=row["id"],
        name=row["name"],
        role=role,
        teams=tuple(row["teams"]),
        language=row["language"],
        time_zone=row["time_zone"],
        theme=row["theme"],
        session_id=row["session"],
        unread=row["unread"],
        has_phone=row["has_phone"],
    )


async def is_open(db: Database, token: str) -> bool:
    """Say whether a session still lasts; asking does not make it last longer."""
    return bool(
        await db.value(
            "SELECT EXISTS (SELECT FROM core_session s JOIN core_user u ON u.id = s.user_id "
            "WHERE s.id = $1 AND s.expires_at > now() AND s.seen_at > now() - $2::interval "
            "AND u.active AND u.trashed_at IS NULL)",
            digest(token),
            _IDLE,
        )
    )


async def is_anybody_here(db: Database) -> bool:
    """Say whether anybody used a page in the last two minutes."""
    # When a session was used is written once a minute.
    sql = (
        "SELECT EXISTS (SELECT FROM core_session WHERE seen_at > now() - make_interval(secs => $1))"
    )
    return bool(await db.value(sql, 2 * _TOUCH_SECONDS))


async def end_session(db: Database, token: str) -> None:
    """End a session on the server."""
    await db.execute("DELETE FROM core_session WHERE id = $1", digest(token))


async def revoke_session(db: Database, user_id: int, session_id: str) -> None:
    """End one of a person's own sessions by the id that `list_sessions` shows."""
    await db.execute("DELETE FROM core_session WHERE id = $1 AND user_id = $2", session_id, user_id)


async def end_sessions_of(db: Database, user_id: int, but: str | None = None) -> None:
    """End all sessions of a person, but for one: after a password or role change."""
    await db.execute(
        "DELETE FROM core_session WHERE user_id = $1 AND id IS DISTINCT FROM $2", user_id, but
    )


async def list_sessions(db: Database, user_id: int) -> list[SessionRow]:
    """List a person's open sessions, the latest first."""
    rows = await db.rows(
        "SELECT id, created_at, seen_at, address, device FROM core_session "
        "WHERE user_id = $1 AND expires_at > now() AND seen_at > now() - $2::interval "
        "ORDER BY seen_at DESC",
        user_id,
        _IDLE,
    )
    return [SessionRow(**dict(row)) for row in rows]
