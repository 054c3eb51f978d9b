"""Changing a password ends what the old one opened: other sessions, links under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.access.limits import claim_try, forget_failures
from crmkit.access.passwords import check_password_rules, hash_password, verify_password
from crmkit.access.sessions import end_sessions_of
from crmkit.access.signin import PER_ACCOUNT, account_limit
from crmkit.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from crmkit.db.engine import Database


async def change_password(
    db: Database, user_id: int, old: str, new: str, *, keep: str | None = None
) -> None:
    """Change one's own password; called outside a transaction.

    Args:
        keep: Id of the session that goes on (`Principal.session_id`).

    Raises:
        InvalidError: The old one is wrong ("old") or the new one cannot be used ("password").
        LimitError: Ten wrong ones within 10 minutes, counted together with sign-in.
    """
    stored = await db.value("SELECT password_hash FROM core_user WHERE id = $1", user_id)
    await claim_try(db, account_limit(user_id), PER_ACCOUNT)
    if not await verify_password(stored or "", old):
        raise InvalidError(
            "The password was not changed.", {"old": "is not your password; type it again"}
        )
    await forget_failures(db, account_limit(user_id))
    await set_password(db, user_id, new, keep=keep)


async def set_password(
    db: Database, user_id: int, password: str, *, keep: str | None = None
) -> None:
    """Set a password, end the person's other sessions and links.

    Raises:
        InvalidError: The password cannot be used.
        NotFoundError: There is no such person.
    """
    row = await db.row("SELECT name, email, login FROM core_user WHERE id = $1", user_id)
    if row is None:
        raise NotFoundError("There is no such person.")
    check_password_rules(password, (row["name"], row["email"], row["login"]))
    secret = await hash_password(password)
    async with db.transaction():
        await store_password(db, user_id, secret, keep=keep)


async def store_password(
    db: Database, user_id: int, secret: str, *, keep: str | None = None
) -> None:
    """Store a hash; part of a transaction of the caller."""
    await db.execute(
        "UPDATE core_user SET password_hash = $2, version = version + 1, updated_at = now() "
        "WHERE id = $1",
        user_id,
        secret,
    )
    await db.execute(
        "UPDATE core_link SET used_at = now() WHERE user_id = $1 AND used_at IS NULL", user_id
    )
    await end_sessions_of(db, user_id, keep)
