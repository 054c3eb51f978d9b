"""One-time links: the first administrator, invitations, new passwords. No default password."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from crmkit.access.password_change import store_password
from crmkit.access.passwords import check_password_rules, hash_password
from crmkit.access.sessions import Session, digest, open_session
from crmkit.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from crmkit.model.context import Context

Kind = Literal["setup", "invite", "reset"]

_LOCK = 0x63726D6C  # "crml"
_LIFE = {
    "setup": timedelta(days=1),
    "invite": timedelta(days=7),
    "reset": timedelta(minutes=60),
}


class Link(msgspec.Struct, frozen=True):
    """What is behind a link: its kind, and who it is for."""

    kind: str
    user_id: int | None
    name: str
    email: str


async def needs_setup(db: Database) -> bool:
    """Say whether nobody can administer yet."""
    found = await db.value(
        "SELECT 1 FROM core_user WHERE role = 'administrator' AND password_hash <> '' LIMIT 1"
    )
    return found is None


async def make_link(db: Database, kind: Kind, user_id: int | None = None) -> str:
    """Make a link and answer its secret; earlier links of the same kind and person die.

    Raises:
        ValueError: A set-up link is for nobody yet, every other one for a person.
    """
    if (kind == "setup") != (user_id is None):
        raise ValueError(f"A link of kind {kind} for user {user_id} makes no sense.")
    token = secrets.token_urlsafe(32)
    await db.execute(
        "DELETE FROM core_link WHERE kind = $1 AND user_id IS NOT DISTINCT FROM $2", kind, user_id
    )
    await db.execute(
        "INSERT INTO core_link (id, kind, user_id, expires_at) VALUES ($1, $2, $3, now() + $4)",
        digest(token),
        kind,
        user_id,
        _LIFE[kind],
    )
    return token


async def read_link(db: Database, token: str) -> Link:
    """Answer what is behind a link.

    Raises:
        NotFoundError: It is unknown, used, expired, or set-up is over.
    """
    row = await db.row(
        "SELECT l.kind, l.user_id, coalesce(u.name, '') AS name, coalesce(u.email, '') AS email "
        "FROM core_link l LEFT JOIN core_user u ON u.id = l.user_id "
        "WHERE l.id = $1 AND l.used_at IS NULL AND l.expires_at > now() "
        "AND (l.kind = 'setup' OR u.active AND u.trashed_at IS NULL)",
        digest(token),
    )
    if row is None or (row["kind"] == "setup" and not await needs_setup(db)):
        raise NotFoundError("This link was used or has expired. Ask for a new one.")
    return Link(**dict(row))


async def accept_link(
    ctx: Context,
    token: str,
    name: str,
    password: str,
    address: str,
    device: str,
    *,
    email: str = "",
) -> Session:
    """Use a link up: set the password, end older sessions, open a new one.

    Args:
        ctx: With every right: who comes by a link has none yet.

    Raises:
        NotFoundError: The link is unknown, used or expired.
        InvalidError: Name or password cannot be used; the link stays good.
    """
    db = ctx.db
    link = await read_link(db, token)
    name, email = _clean(name), _clean(email)
    if not name:
        raise InvalidError("The name is missing.", {"name": "is needed; fill it in"})
    check_password_rules(password, (name, email, link.email))
    secret = await hash_password(password)
    async with db.transaction():
        # One at a time: of two set-up links only the first makes an administrator.
        await db.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        link = await read_link(db, token)
        await db.execute("UPDATE core_link SET used_at = now() WHERE id = $1", digest(token))
        if link.user_id is None:
            user_id = await _make_administrator(ctx, name, email)
        else:
            user_id = link.user_id
            await ctx.save("core.user", user_id, name=name)
        await store_password(db, user_id, secret)
        return await open_session(db, user_id, address, device)


def _clean(text: str) -> str:
    return text.replace("\x00", "").encode(errors="replace").decode().strip()


async def _make_administrator(ctx: Context, name: str, email: str) -> int:
    taken = "SELECT true FROM core_user WHERE lower(login) = 'admin'"
    login = "" if email and await ctx.db.value(taken) else "admin"
    return await ctx.create(
        "core.user", name=name, login=login, email=email, role="administrator", active=True
    )
