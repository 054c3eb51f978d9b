"""Sign-in with e-mail or name and password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.access.limits import check_limit, count_failure, forget_failures
from crmkit.access.passwords import hash_password, needs_rehash, verify_password
from crmkit.access.sessions import Session, open_session
from crmkit.errors import SignInError

if TYPE_CHECKING:
    from crmkit.db.engine import Database

_PER_ACCOUNT = 10
_PER_ADDRESS = 50


async def sign_in(db: Database, login: str, password: str, address: str, device: str) -> Session:
    """Open a session for who has the password.

    Unknown, disabled and wrong take the same time and get the same text.

    Raises:
        SignInError: Name and password do not fit.
        LimitError: Ten failures of the account, or fifty of the address, within 10 minutes.
    """
    key = login.strip().casefold()[:254]
    account, place = f"account:{key}", f"address:{address}"
    await check_limit(db, account, _PER_ACCOUNT)
    await check_limit(db, place, _PER_ADDRESS)
    row = await db.row(
        "SELECT id, password_hash, active AND trashed_at IS NULL AS active FROM core_user "
        "WHERE (lower(email) = $1 AND email <> '') OR (lower(login) = $1 AND login <> '')",
        key.replace("\x00", ""),
    )
    fits = await verify_password(row["password_hash"] if row else "", password)
    if row is None or not fits or not row["active"]:
        await count_failure(db, account, place)
        raise SignInError("Name and password do not fit. Check both, also the keyboard's language.")
    await forget_failures(db, account)
    if needs_rehash(row["password_hash"]):
        await db.execute(
            "UPDATE core_user SET password_hash = $2 WHERE id = $1",
            row["id"],
            await hash_password(password),
        )
    return await open_session(db, row["id"], address, device)
