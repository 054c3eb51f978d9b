from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.access.passwords import check_password_rules, hash_password
from crmkit.access.sessions import end_session, find_session
from crmkit.access.setup import accept_link, make_link, needs_setup, read_link
from crmkit.access.signin import sign_in
from crmkit.errors import InvalidError, LimitError, NotFoundError, SignInError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.model.role import Role

    Make = Callable[..., Awaitable[int]]

PASSWORD = "correct horse battery"


async def account(db: Database, make: Make, **values: object) -> int:
    user = await make("core.user", name="Anna Snelling", email="Anna@example.com", **values)
    await db.execute(
        "UPDATE core_user SET password_hash = $2 WHERE id = $1", user, await hash_password(PASSWORD)
    )
    return user


async def test_each_sign_in_gets_a_session_of_its_own(
    db: Database, roles: Mapping[str, Role], make: Make
) -> None:
    user = await account(db, make)

    first = await sign_in(db, " anna@EXAMPLE.com", PASSWORD, "127.0.0.1", "test")
    second = await sign_in(db, "anna@example.com", PASSWORD, "127.0.0.1", "test")

    assert first.token != second.token
    principal = await find_session(db, second.token, roles)
    assert principal is not None
    assert user == principal.user_id


async def test_a_session_id_nobody_issued_is_unknown(
    db: Database, roles: Mapping[str, Role]
) -> None:
    assert await find_session(db, "chosen-by-the-client", roles) is None


async def test_signing_out_ends_the_session_on_the_server(
    db: Database, roles: Mapping[str, Role], make: Make
) -> None:
    await account(db, make)
    session = await sign_in(db, "anna@example.com", PASSWORD, "127.0.0.1", "test")

    await end_session(db, session.token)

    assert await find_session(db, session.token, roles) is None


async def test_disabling_a_person_ends_their_sessions_at_once(
    db: Database, roles: Mapping[str, Role], make: Make
) -> None:
    user = await account(db, make)
    session = await sign_in(db, "anna@example.com", PASSWORD, "127.0.0.1", "test")

    await db.execute("UPDATE core_user SET active = false WHERE id = $1", user)

    assert await find_session(db, session.token, roles) is None


@pytest.mark.parametrize("column", ["seen_at", "created_at"])
async def test_a_session_ends_when_idle_or_old(
    db: Database, roles: Mapping[str, Role], make: Make, column: str
) -> None:
    await account(db, make)
    session = await sign_in(db, "anna@example.com", PASSWORD, "127.0.0.1", "test")
    change = "seen_at = now() - interval '3 h 1 s'"
    if column == "created_at":
        change = "expires_at = now() - interval '1 s'"

    await db.execute(f"UPDATE core_session SET {change}")

    assert await find_session(db, session.token, roles) is None


async def test_unknown_disabled_and_wrong_read_the_same(db: Database, make: Make) -> None:
    await account(db, make, active=False)
    texts = set()
    for login, password in (
        ("nobody@example.com", PASSWORD),
        ("anna@example.com", PASSWORD),
        ("anna@example.com", "wrong horse battery"),
    ):
        with pytest.raises(SignInError) as refused:
            await sign_in(db, login, password, "127.0.0.1", "test")
        texts.add(refused.value.message)

    assert 1 == len(texts)


async def test_ten_failures_lock_the_account_whatever_the_address(db: Database, make: Make) -> None:
    await account(db, make)
    for number in range(10):
        with pytest.raises(SignInError):
            await sign_in(db, "anna@example.com", "wrong", f"10.0.0.{number}", "test")

    with pytest.raises(LimitError) as locked:
        await sign_in(db, "ANNA@example.com", PASSWORD, "10.0.0.99", "test")
    assert 0 < locked.value.retry_after <= 600


async def test_the_setup_link_works_once_and_only_without_an_administrator(
    db: Database, admin: Context
) -> None:
    link = await make_link(db, "setup")
    assert await needs_setup(db)

    await accept_link(admin, link, "Olga", PASSWORD, "127.0.0.1", "test")

    assert not await needs_setup(db)
    with pytest.raises(NotFoundError):
        await read_link(db, link)
    with pytest.raises(NotFoundError):
        await read_link(db, await make_link(db, "setup"))


async def test_a_refused_password_leaves_the_link_good(db: Database, admin: Context) -> None:
    link = await make_link(db, "setup")

    with pytest.raises(InvalidError):
        await accept_link(admin, link, "Olga", "password1234", "127.0.0.1", "test")

    assert "setup" == (await read_link(db, link)).kind


@pytest.mark.parametrize(
    "password",
    ["short", "x" * 129, "password2026!", "aaaaaaaaaaaa", "adminadmin12", "anna snelling 1"],
)
def test_a_password_that_guessers_try_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidError):
        check_password_rules(password, ("Anna Snelling",))


def test_a_long_phrase_is_accepted() -> None:
    check_password_rules(PASSWORD, ("Anna Snelling",))
