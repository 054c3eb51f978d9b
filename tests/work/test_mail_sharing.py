"""Rules of an account share mail from the beginning; without one only its owner sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.errors import InvalidError
from crmkit.work.mail_accounts import MailAccount, find_account
from crmkit.work.mail_sharing import is_private, read_patterns
from crmkit.work.outbox import Outgoing, send_message
from tests.work.test_mail_flow import account, mail_site, message, person, raw, receive, site_of

if TYPE_CHECKING:
    from crmkit.testing.sites import Running

__all__ = ["mail_site", "site_of"]


def ruled(share: str = "", keep: str = "", owner: int | None = 1) -> MailAccount:
    return MailAccount(
        address="me@example.org", owner=owner, smtp_host="", smtp_port=25, smtp_tls="plain",
        imap_host="", imap_port=143, imap_tls="plain",
        share_with=tuple(read_patterns(share)), keep_private=tuple(read_patterns(keep)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("share", "keep", "others", "wanted"),
    [
        ("", "", ["ann@example.com"], "private"),
        ("*", "", ["ann@example.com"], "shared"),
        ("*", "", ["ME@example.org"], "private"),
        ("example.com", "", ["ann@example.com"], "shared"),
        ("example.com", "", ["ann@mail.example.com"], "shared"),
        ("example.com", "", ["ann@notexample.com"], "private"),
        ("Ann@Example.com", "", ["ann@example.com"], "shared"),
        ("ann@example.com", "", ["bob@example.com"], "private"),
        ("*@example.com; *.example.net", "", ["bob@x.example.net"], "shared"),
        ("*", "bank.example.com", ["ann@example.com", "desk@bank.example.com"], "private"),
        ("*", "ann@example.com", ["bob@example.com"], "shared"),
        ("bücher.de", "", ["ann@xn--bcher-kva.de"], "shared"),
    ],
)
def test_mail_is_shared_with_whom_a_rule_names_unless_another_forbids_it(
    share: str, keep: str, others: list[str], wanted: str
) -> None:
    found = is_private(ruled(share, keep), [*others, "me@example.org"])
    assert wanted == ("private" if found else "shared")


def test_a_shared_account_has_no_private_mail() -> None:
    assert not is_private(ruled(keep="*", owner=None), ["ann@example.com"])


@pytest.mark.parametrize("typed", ["ann", "ann@", "@", "example", "a b", "ann@exa mple.com", "**"])
def test_what_names_nobody_is_refused_with_its_text(typed: str) -> None:
    with pytest.raises(ValueError, match=typed.split(maxsplit=1)[0].replace("*", r"\*")):
        read_patterns(f"example.com, {typed}")


async def test_what_comes_and_goes_follows_the_rules_of_its_account(site_of: Running) -> None:
    ctx = await person(site_of)
    typed = {"share_with": "example.com", "keep_private": "ann@example.com"}
    number = await account(ctx, None, None, **typed)
    assert typed == {name: (await find_account(ctx, number)).as_typed()[name] for name in typed}
    [bob, ann, other] = await receive(
        ctx, number, raw("One", "bob@example.com"), raw("Two", "ann@example.com"),
        raw("Three", "eve@example.net"),
    )  # fmt: skip
    found = [(await message(site_of, each))["private"] for each in (bob, ann, other)]
    assert [False, True, True] == found
    sent = [
        await send_message(ctx, Outgoing(to=to, subject="Hello", text="Hello", account=number))
        for to in ("bob@example.com", "bob@example.com, ann@example.com", "eve@example.net")
    ]
    found = [(await message(site_of, each))["private"] for each in sent]
    assert [False, True, True] == found


async def test_a_rule_that_names_nobody_keeps_the_account_as_it_was(site_of: Running) -> None:
    ctx = await person(site_of)
    with pytest.raises(InvalidError) as caught:
        await account(ctx, share_with="example.com, nobody")
    assert "nobody" in caught.value.problems["share_with"]
    assert await site_of.db.value("SELECT count(*) FROM core_mail_account") == 0
