"""Sign-in with e-mail or name and password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.access.limits import check_limit, claim_try, count_failure, forget_failures
from crmkit.access.passwords import hash_password, needs_rehash, verify_password
from crmkit.access.sessions import Session, end_session, open_session
from crmkit.errors import HookFailedError, SignInError
from crmkit.plugin.events import SignInEvent

if TYPE_CHECKING:
    from typing import Any

    from crmkit.db.engine import Database
    from crmkit.plugin.dispatch import Dispatcher

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
    db: Database,
    login: str,
    password: str,
    address: str,
    device: str,
    *,
    previous: str = "",
    hooks: Dispatcher | None = None,
) -> Session:
    """Open a session for who has the password, or another proof that a plugin knows.

    Called outside a transaction. Unknown, disabled and wrong take the same time and get the same
    text.

    Args:
        login: E-mail or login name, in any case.
        address: Of the client as trusted proxies tell it.
        previous: Secret of the session this browser had; it ends.
        hooks: Of the plugins that are asked as well, such as one for a company's directory.

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
        known = await _ask(db, hooks, SignInEvent(name, password, address))
        if known is not None:
            await forget_failures(db, account)
            return await _open(db, known, address, device, previous)
        await count_failure(db, place)
        raise SignInError("Name and password do not fit. Check both, also the keyboard's language.")
    await forget_failures(db, account)
    if needs_rehash(row["password_hash"]):
        await db.execute(
            "UPDATE core_user SET password_hash = $2 WHERE id = $1",
            row["id"],
            await hash_password(password),
        )
    return await _open(db, row["id"], address, device, previous)


async def sign_in_with(
    db: Database,
    proof: Any,  # noqa: ANN401 - a plugin's
    address: str,
    device: str,
    *,
    previous: str = "",
    hooks: Dispatcher,
) -> Session:
    """Open a session for whom a plugin's own proof names, such as a ticket of a provider.

    Raises:
        SignInError: No plugin knows it, or the account is disabled.
        LimitError: Fifty failures of the address within 10 minutes.
    """
    place = f"address:{address}"
    await check_limit(db, place, _PER_ADDRESS)
    known = await _ask(db, hooks, SignInEvent("", proof, address))
    if known is None:
        await count_failure(db, place)
        raise SignInError("That sign-in was not accepted. Try again, or use your password.")
    return await _open(db, known, address, device, previous)


async def _ask(db: Database, hooks: Dispatcher | None, event: SignInEvent) -> int | None:
    """Answer the active user whom a plugin recognises; one that fails recognises nobody."""
    if hooks is None:
        return None
    try:
        answer = await hooks.first("authenticate", event)
    except HookFailedError:
        # Passwords kept here go on being accepted: nobody is locked out by a directory.
        return None
    if not isinstance(answer, int) or isinstance(answer, bool):
        return None
    found: int | None = await db.value(
        "SELECT id FROM core_user WHERE id = $1 AND active AND trashed_at IS NULL", answer
    )
    return found


async def _open(db: Database, user_id: int, address: str, device: str, previous: str) -> Session:
    if previous:
        await end_session(db, previous)
    return await open_session(db, user_id, address, device)
