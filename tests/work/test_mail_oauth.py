"""Accounts without a password: XOAUTH2 at real servers, tokens from a small endpoint."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from msgspec import structs

from crmkit.access.sealing import unseal
from crmkit.config import MailConfig, OAuthConfig, load_config
from crmkit.errors import ConfigError, InvalidError
from crmkit.web.pages.mail_settings import _form
from crmkit.work.mail.accounts import ImapAccount
from crmkit.work.mail.sending import send
from crmkit.work.mail.session import MailboxError
from crmkit.work.mail_accounts import find_account, save_account
from crmkit.work.mail_oauth import access_token
from crmkit.work.mail_trying import try_account
from crmkit.work.outbox import Outgoing, send_message
from tests.work.authorizing import Provider, providing
from tests.work.mail.test_reading import RUN, running
from tests.work.mail.test_sending import Desk, serving
from tests.work.test_mail_flow import account, mail_site, message, person, site_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running
    from crmkit.work.mail.accounts import SmtpAccount

__all__ = ["mail_site", "site_of"]
pytestmark = pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS:UserWarning",
    "ignore:.*Session.login_data:DeprecationWarning",
)
ADDRESS = "desk@example.org"
#: The server knows no other way to sign in, and reads which string it accepts from a file.
CHECKED = (
    """
from pathlib import Path
from pysasl import SASLAuth
from pysasl.mechanism.oauth import OAuth2Mechanism
from pymap.backend.dict import Identity, Login
from pymap.exceptions import InvalidAuth

SASLAuth.defaults = classmethod(lambda cls: cls([OAuth2Mechanism()]))

async def authenticate(self, credentials):
    if f"{credentials.authzid} {credentials._token}" != Path("FILE").read_text():
        raise InvalidAuth()
    return Identity("desk", self, None, {"admin"})

async def authorize(self, authenticated, authzid):
    return authenticated

Login.authenticate, Login.authorize = authenticate, authorize
"""
    + RUN
)


class Checked(Desk):
    """An SMTP server that looks at each letter of the string."""

    def __init__(self, expected: str) -> None:
        super().__init__()
        self.expected = expected
        self.got: list[str] = []

    async def auth_XOAUTH2(self, _server: Any, words: list[str]) -> AuthResult:  # noqa: ANN401, N802 - of the library
        self.got.append(base64.b64decode(words[1]).decode())
        return AuthResult(success=self.got[-1] == self.expected, handled=False)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ImapAccount, Path]]:
    """An IMAP server, and the file of what it accepts."""
    folder = tmp_path_factory.mktemp("oauth")
    accepted = folder / "accepted"
    with running(CHECKED.replace("FILE", str(accepted)), folder) as port:
        yield ImapAccount(host="127.0.0.1", port=port, username="", password=""), accepted


async def signing(
    running: Running,
    given: Provider,
    smtp: SmtpAccount | None = None,
    imap: Any = None,  # noqa: ANN401
) -> tuple[Context, int]:
    """Answer somebody with an account that signs in by tokens."""
    mail = MailConfig(oauth={"example": given.config})
    config = structs.replace(running.config, mail=mail)
    ctx = await person(running)
    ctx = replace(ctx, config=config)
    number = await account(ctx, smtp, imap, oauth="example", password="refresh-1", username="")
    return ctx, number


async def test_mail_is_read_and_sent_with_a_token_in_place_of_a_password(
    site_of: Running, checked: tuple[ImapAccount, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As long as RFC 4954, 4 lets the command be.
    monkeypatch.setattr(SMTP, "command_size_limit", 12288)
    monkeypatch.setattr(SMTP, "line_length_limit", 12288)
    imap, accepted = checked
    token = "token-1" + "x" * 3000
    accepted.write_text(f"{ADDRESS} {token}")
    desk = Checked(f"user={ADDRESS}\1auth=Bearer {token}\1\1")
    async with providing() as given, serving(desk, auth_require_tls=False) as smtp:
        ctx, number = await signing(site_of, given, smtp, imap)
        assert {} == await try_account(ctx, await find_account(ctx, number))
        accepted.write_text("somebody else")
        problems = await try_account(ctx, await find_account(ctx, number))
        assert {"imap"} == set(problems)
        assert [desk.expected] * 2 == desk.got
        refused = await send(
            structs.replace(smtp, username=ADDRESS, token="called back"),
            b"Subject: x\r\n\r\ny", ADDRESS, ["a@example.com"],
        )  # fmt: skip
    assert refused.account_at_fault
    # The same words as those of the server that is read.
    for told in (refused.text, problems["imap"]):
        assert all(part in told for part in (ADDRESS, "Sign in at the provider again"))
    assert [
        {"grant_type": "refresh_token", "refresh_token": "refresh-1", "client_id": "crm",
         "client_secret": "hush", "scope": "mail.all"}
    ] == given.forms  # fmt: skip


async def test_tokens_are_sealed_kept_for_their_time_and_renewed_once_for_all(
    site_of: Running,
) -> None:
    async with providing() as given:
        given.more = {"refresh_token": "refresh-2"}
        ctx, number = await signing(site_of, given)
        before = await find_account(ctx, number)
        tokens = await asyncio.gather(*(access_token(ctx, before) for _ in range(3)))
        assert (1, 1) == (len(set(tokens)), len(given.forms))
        kept = await find_account(ctx, number)
        assert b"token-1" not in kept.token
        assert ["refresh-2", tokens[0]] == [
            unseal(ctx.config, one) for one in (kept.password, kept.token)
        ]
        await site_of.db.execute("UPDATE core_mail_account SET token_until = now()")
        assert tokens[0] != await access_token(ctx, await find_account(ctx, number))
    assert ["refresh-1", "refresh-2"] == [form["refresh_token"] for form in given.forms]


async def test_a_token_stands_when_the_work_that_asked_for_it_fails(site_of: Running) -> None:
    async with providing() as given:
        given.more = {"refresh_token": "refresh-2"}
        ctx, number = await signing(site_of, given)
        with pytest.raises(KeyError):  # noqa: PT012 - what fails is the transaction
            async with ctx.db.transaction():
                await access_token(ctx, await find_account(ctx, number))
                raise KeyError
        assert "refresh-2" == unseal(ctx.config, (await find_account(ctx, number)).password)


@pytest.mark.parametrize(("status", "fault"), [(400, True), (503, False), (429, False)])
async def test_a_refused_refresh_token_is_told_apart_from_a_busy_provider(
    site_of: Running, status: int, *, fault: bool
) -> None:
    async with providing() as given:
        given.status, given.more = status, {"error": "invalid_grant"}
        ctx, number = await signing(site_of, given)
        with pytest.raises(MailboxError, match="invalid_grant") as caught:
            await access_token(ctx, await find_account(ctx, number))
    assert fault == caught.value.account_at_fault
    assert "refresh-1" not in caught.value.message


async def test_without_a_token_no_message_is_given_up(site_of: Running) -> None:
    async with providing() as given:
        given.status = 400
        ctx, _number = await signing(site_of, given)
        sent = await send_message(ctx, Outgoing(to="a@example.com", subject="x", text="y"))
        # The job's own context does not know the provider any more.
        await site_of.work()
    assert "waiting" == (await message(site_of, sent))["state"]


async def test_tokens_go_to_no_stranger(site_of: Running, tmp_path: Path) -> None:
    given = Provider()
    given.config = OAuthConfig("crm", "http://mail.example.net/token", client_secret="hush")
    ctx, number = await signing(site_of, given)
    with pytest.raises(MailboxError, match="https"):
        await access_token(ctx, await find_account(ctx, number))
    assert "hush" not in repr(ctx.config)
    with pytest.raises(InvalidError) as caught:
        await save_account(ctx, {"address": "b@gmail.com", "oauth": "other", "password": "x"})
    assert {"oauth"} == set(caught.value.problems)
    with pytest.raises(InvalidError) as caught:
        await save_account(ctx, {"address": "b@gmail.com", "oauth": "example"})
    assert {"password"} == set(caught.value.problems)
    path = tmp_path / "crmkit.toml"
    path.write_text('[mail.oauth.x]\nclient_id = "a"\ntoken_url = "https://a.example"\nsecret = 1')
    with pytest.raises(ConfigError, match="secret"):
        load_config(tmp_path)


async def test_the_form_offers_the_providers_of_the_site(site_of: Running) -> None:
    ctx, number = await signing(site_of, Provider())
    account_form = await _form(ctx, (await find_account(ctx, number)).as_typed(), number, {})
    fields = {field.name: field for group in account_form.groups for field in group.fields}
    assert [("", False), ("example", True)] == [
        (option.value, option.selected) for option in fields["oauth"].options
    ]
    without = await _form(site_of.ctx, {}, 0, {})
    assert "oauth" not in [field.name for group in without.groups for field in group.fields]
