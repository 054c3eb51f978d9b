"""Sign-in with e-mail or name and password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.access.limits import check_limit, claim_try, count_failure, forget_failures
from crmkit.access.passwords import hash_password, needs_rehash, verify_password
from crmkit.access.sessions import Session, end_session, open_session
from crmkit.errors import SignInError

if TYPE_CHECKING:
    from crmkit.db.engine import Database

PER_ACCOUNT = 10
_PER_ADDRESS = 50
_LONGEST_LOGIN = 254

# Of an e-mail and a login that read the same, the e-mail wins.
_FIND = """
SELECT id, password_hash, active AND trashed_at IS NULL AS active FROM core_user
WHERE (lower(email) = lower($1) AND email <> '') OR (lower(login) = lower($1) AND login <> '')
ORDER BY lower(email) = lower($1) DESC LIMIT 1
"""


def account_limit(user_id: int) -> str:
    """Name the limit of an account: one, whether e-mail or login is typed."""
    return f"account:{user_id}"


async def sign_in(
    db: Database, login: str, password: str, address: str, device: str, *, previous: str = ""
) -> Session:
    """Open a session for who has the password; called outside a transaction.

    Unknown, disabled and wrong take the same time and get the same text.

    Args:
        login: E-mail or login name, in any case.
        address: Of the client as trusted proxies tell it.
        previous: Secret of the session this browser had; it ends.

    Raises:
        SignInError: Name and password do not fit.
        LimitError: Ten failures of the account, or fifty of the address, within 10 minutes.
    """
    name = login.replace("\x00", "").strip()[:_LONGEST_LOGIN]
    name = name.encode(errors="replace").decode()
    row = await db.row(_FIND, name)
    account = account_limit(row["id"]) if row else f"unknown:{name.casefold()}"
    place = f"address:{address}"
    await check_limit(db, place, _PER_ADDRESS)
    await claim_try(db, account, PER_ACCOUNT)
    fits = await verify_password(row["password_hash"] if row else "", password)
    if row is None or not fits or not row["active"]:
        await count_failure(db, place)
        raise SignInError("Name and password do not fit. Check both, also the keyboard's language.")
    await forget_failures(db, account)
    if needs_rehash(row["password_hash"]):
        await db.execute(
            "UPDATE core_user SET password_hash = $2 WHERE id = $1",
            row["id"],
            await hash_password(password),
        )
    if previous:
        await end_session(db, previous)
    return await open_session(db, row["id"], address, device)
