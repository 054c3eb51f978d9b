"""Addresses of personal calendars: a random secret shown once, its digest in the row."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from crmkit.access.principals import find_principal
from crmkit.access.sessions import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.db.engine import Database
    from crmkit.model.context import Principal
    from crmkit.model.role import Role

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_TOUCH_SECONDS = 60


class Feed(msgspec.Struct, frozen=True):
    """The address of a person's calendar as its owner sees it; moments in UTC."""

    user_id: int
    with_holidays: bool
    made_at: datetime
    used_at: datetime | None


async def make_feed(db: Database, user_id: int, *, with_holidays: bool) -> str:
    """Make the address of a person's calendar and answer its secret; the one before ends."""
    secret = secrets.token_urlsafe(32)
    await db.execute(
        "INSERT INTO core_feed (user_id, digest, with_holidays) VALUES ($1, $2, $3) "
        "ON CONFLICT (user_id) DO UPDATE SET digest = excluded.digest, used_at = NULL, "
        "with_holidays = excluded.with_holidays, made_at = now()",
        user_id, digest(secret), with_holidays,
    )  # fmt: skip
    return secret


async def read_feed(db: Database, user_id: int | None) -> Feed | None:
    """Answer what is known of a person's address; None when there is none."""
    row = await db.row(
        "SELECT user_id, with_holidays, made_at, used_at FROM core_feed WHERE user_id = $1", user_id
    )
    return Feed(**dict(row)) if row is not None else None


async def end_feed(db: Database, user_id: int | None) -> None:
    """End the address of a person's calendar at once."""
    await db.execute("DELETE FROM core_feed WHERE user_id = $1", user_id)


async def find_feed(
    db: Database, secret: str, roles: Mapping[str, Role]
) -> tuple[Principal, Feed] | None:
    """Answer whose calendar a secret opens, with the rights of this moment.

    Returns:
        None when it is unknown, or its person may not sign in any more; then it has ended for good.
    """
    if not _SECRET.fullmatch(secret):
        return None
    row = await db.row(
        "SELECT user_id, with_holidays, made_at, used_at, "
        "(used_at IS NULL OR used_at < now() - make_interval(secs => $2)) AS stale "
        "FROM core_feed WHERE digest = $1",
        digest(secret), _TOUCH_SECONDS,
    )  # fmt: skip
    if row is None:
        return None
    person = await find_principal(db, row["user_id"], roles)
    if person is None:
        await end_feed(db, row["user_id"])
        return None
    if row["stale"]:
        await db.execute("UPDATE core_feed SET used_at = now() WHERE user_id = $1", row["user_id"])
    return person, Feed(row["user_id"], row["with_holidays"], row["made_at"], row["used_at"])
