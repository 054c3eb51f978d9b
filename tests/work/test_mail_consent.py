"""The first token of a mail account: out to a provider on loopback, and back."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from aiosmtpd.smtp import SMTP
from msgspec import structs

from crmkit.access.sealing import seal, unseal
from crmkit.config import PRESETS, MailConfig, load_config
from crmkit.errors import ConfigError
from crmkit.work import outgoing
from crmkit.work.mail.session import MailboxError
from crmkit.work.mail_accounts import find_account, note_health
from crmkit.work.mail_oauth import access_token
from tests.work.authorizing import providing
from tests.work.mail.test_sending import serving
from tests.work.test_mail_flow import account, mail_site, site_of
from tests.work.test_mail_oauth import Checked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running
    from crmkit.work.mail.accounts import SmtpAccount
    from crmkit.work.mail_accounts import MailAccount
    from tests.work.authorizing import Provider

__all__ = ["mail_site", "site_of"]
pytestmark = pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS:UserWarning",
    "ignore:.*Session.login_data:DeprecationWarning",
)
_PAGE = "/settings/mail/oauth/example"
_ADDRESS = "desk@example.org"


def with_provider(running: Running, given: Provider, smtp: SmtpAccount | None = None) -> Running:
    """Answer the site with the provider, whose accounts send by a server and read nothing."""
    given.config = structs.replace(
        given.config, smtp_host="127.0.0.1", smtp_port=smtp.port if smtp else 9, smtp_tls="plain"
    )
    mail = MailConfig(oauth={"example": given.config})
    return replace(running, config=structs.replace(running.config, mail=mail))


async def leave(client: httpx.AsyncClient, **typed: str) -> str:
    """Press the button and answer where the browser is taken."""
    page = await client.post(_PAGE, data=typed or {"address": _ADDRESS})
    assert 200 == page.status_code, page.text[-2000:]
    url = page.headers["refresh"].removeprefix("0;url=")
    # Without its header the page has a link, and it is no redirect: the policy of forms forbids.
    assert f'href="{url}"' in unescape(page.text)
    return str(url)


async def consent(url: str) -> str:
    """Sign in at the provider and answer the address it sends back to."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(url)
    assert 303 == answer.status_code
    return answer.headers["location"]


async def come_back(client: httpx.AsyncClient, url: str) -> tuple[str, str]:
    """Follow the way back; answer the path it ends at, and the page."""
    answer = await client.get(url)
    assert 303 == answer.status_code, answer.text[-2000:]
    path = answer.headers["location"]
    assert path.startswith("/settings/mail")
    return path, unescape((await client.get(path)).text)


async def accounts(running: Running) -> list[MailAccount]:
    rows = await running.db.rows("SELECT id FROM core_mail_account ORDER BY id")
    return [await find_account(running.ctx, row["id"]) for row in rows]


async def test_who_signs_in_at_the_provider_has_an_account_that_works(
    site_of: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SMTP, "command_size_limit", 12288)
    monkeypatch.setattr(SMTP, "line_length_limit", 12288)
    desk = Checked(f"user={_ADDRESS}\1auth=Bearer token-1{'x' * 3000}\1\1")
    async with providing() as given, serving(desk, auth_require_tls=False) as smtp:
        running = with_provider(site_of, given, smtp)
        client = await running.client("seller")
        page = unescape((await client.get("/settings/mail")).text)
        assert f'action="{_PAGE}"' in page
        assert "Sign in at Example & Co" in page
        assert 'name="shared"' not in (await client.get(_PAGE)).text
        url = await leave(client)
        asked = {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}
        assert {
            "tenant": "ours", "prompt": "consent", "login_hint": _ADDRESS,
            "scope": "mail.all", "client_id": "crm",
            "response_type": "code", "code_challenge_method": "S256",
            "redirect_uri": f"http://localhost{_PAGE}/callback",
        }.items() <= asked.items()  # fmt: skip
        begun = await site_of.db.row("SELECT * FROM core_mail_consent")
        assert begun is not None
        assert asked["state"] not in begun.values()
        _path, page = await come_back(client, await consent(url))
        assert "sending and reading work" in page
    (kept,) = await accounts(site_of)
    assert ("example", _ADDRESS, smtp.port) == (kept.oauth, kept.address, kept.smtp_port)
    assert "refresh-code-1" == unseal(site_of.config, kept.password)
    assert b"refresh" not in kept.password
    # It signed in with the token that came with the code; the endpoint was asked once.
    assert [desk.expected] == desk.got
    (form,) = given.forms
    assert ("authorization_code", "hush") == (form["grant_type"], form["client_secret"])
    assert form["code_verifier"] == unseal(site_of.config, begun["verifier"])
    assert form["code_verifier"].encode() not in begun["verifier"]


async def test_a_consent_that_was_taken_back_is_renewed_and_the_account_stays(
    site_of: Running,
) -> None:
    async with providing() as given:
        running = with_provider(site_of, given)
        client, ctx = await running.client(), await newest(running)
        number = await account(
            ctx, oauth="example", password="refresh-0", folders="Orders, Sales", name="Desk"
        )
        await site_of.db.execute(
            "INSERT INTO core_mail_cursor (account, folder, uid_validity, last_uid) "
            "VALUES ($1, 'Orders', 7, 42)",
            number,
        )
        given.status, given.more = 400, {"error": "invalid_grant"}
        with pytest.raises(MailboxError, match="Sign in again: Settings, Mail") as caught:
            await access_token(ctx, await find_account(ctx, number))
        await note_health(ctx, number, error=caught.value.message)
        assert "Sign in again: Settings, Mail" in (await client.get("/settings/mail")).text
        page = unescape((await client.get(f"/settings/mail/{number}")).text)
        assert "Sign in again at Example & Co" in page
        given.status, given.more = 200, {}
        url = await leave(client, account=str(number))
        await come_back(client, await consent(url))
        kept = await find_account(ctx, number)
        assert "refresh-code-1" == unseal(site_of.config, kept.password)
        assert (("Orders", "Sales"), "Desk", 25) == (kept.folders, kept.name, kept.smtp_port)
        # Who types the address anew means the same account.
        await come_back(client, await consent(await leave(client)))
        kept = await find_account(ctx, number)
        assert "refresh-code-2" == unseal(site_of.config, kept.password)
    assert 1 == len(await accounts(site_of))
    assert [("Orders", 7, 42)] == [
        tuple(row) for row in await site_of.db.rows(
            "SELECT folder, uid_validity, last_uid FROM core_mail_cursor"
        )
    ]  # fmt: skip
    stranger = await running.client()
    assert 403 == (await stranger.post(_PAGE, data={"account": str(number)})).status_code


async def newest(running: Running) -> Context:
    """Answer the context of who signed in last."""
    from crmkit.access.principals import find_principal  # noqa: PLC0415 - here alone

    number = await running.db.value("SELECT max(id) FROM core_user")
    found = await find_principal(running.db, number, running.site.roles)
    assert found is not None
    return replace(running.ctx, principal=found)


def told(**query: str) -> Callable[[str], str]:
    """Answer what puts something else than a code on the way back."""

    def change(back: str) -> str:
        parts = urlsplit(back)
        state = parse_qs(parts.query)["state"][0]
        return parts._replace(query=urlencode({"state": state, **query})).geturl()

    return change


async def test_what_goes_wrong_is_said_and_nothing_is_kept(
    site_of: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with providing() as given:
        client = await with_provider(site_of, given).client()

        async def goes_wrong(change: Callable[[str], str] = str) -> str:
            back = change(await consent(await leave(client)))
            path, page = await come_back(client, back)
            assert [] == await accounts(site_of)
            assert "Nothing was changed." in page
            # Where the button is, with what was typed.
            assert f"{_PAGE}?address=desk%40example.org&shared=" == path
            assert _ADDRESS in page
            return page

        given.refusal = "access_denied"
        assert "allow it there" in await goes_wrong()
        given.refusal = "invalid_scope"
        assert "refuses this site: invalid_scope. An administrator" in await goes_wrong()
        given.refusal = ""
        assert "a fault of its own" in await goes_wrong(told(error="temporarily_unavailable"))
        assert "neither a code nor an error" in await goes_wrong(told())
        assert [] == given.forms
        assert "invalid_grant. Sign in again" in await goes_wrong(told(code="made up"))
        given.more = {"refresh_token": ""}
        assert "`authorize_params` of [mail.oauth.example]" in await goes_wrong()
        given.status, given.more = 401, {"error": "invalid_client", "access_token": ""}
        assert "An administrator corrects [mail.oauth.example]" in await goes_wrong()
        given.status = 503
        assert "Try again later." in await goes_wrong()
        monkeypatch.setattr(outgoing, "_SECONDS", 0.2)
        given.awake.clear()
        assert "127.0.0.1 did not answer: TimeoutError. Try again later." in await goes_wrong()
        given.awake.set()
        back = await consent(await leave(client))
        await site_of.db.execute("UPDATE core_mail_consent SET expires_at = now()")
        assert "longer than ten minutes" in (await come_back(client, back))[1]
    # Also when nobody listens any more.
    answer = await client.post(_PAGE, data={"address": "no address"})
    assert (422, True) == (answer.status_code, "is no e-mail address" in answer.text)
    assert [] == await accounts(site_of)


async def test_the_way_back_is_open_once_and_to_the_session_that_left(site_of: Running) -> None:
    async with providing() as given:
        running = with_provider(site_of, given)
        victim, thief = await running.client(), await running.client()
        await leave(thief)
        back = await consent(await leave(victim))
        assert "not begun here" in (await come_back(thief, back))[1]
        # Somebody else's attempt ends nothing, nor do guesses and another provider's way back.
        for strange in (
            f"{_PAGE}/callback?code=code-1",
            f"{_PAGE}/callback?code=code-1&state=%ED%A0%80",
            back.replace("/example/", "/another/"),
        ):
            assert "not begun here" in (await come_back(victim, strange))[1]
        assert [] == given.forms
        await come_back(victim, back)
        assert 1 == len(await accounts(site_of))
        assert "was used already" in (await come_back(victim, back))[1]
        assert 1 == len(given.forms)
        # Whoever signed out comes to the form, not to an account.
        late = await consent(await leave(victim))
        await victim.post("/logout")
        gone = await victim.get(late)
        assert (303, True) == (gone.status_code, gone.headers["location"].startswith("/login?"))
    # With the session went what it had begun; that of the thief is left.
    assert 1 == await site_of.db.value("SELECT count(*) FROM core_mail_consent")


async def test_a_code_is_worth_nothing_without_the_verifier_of_who_asked(site_of: Running) -> None:
    async with providing() as given:
        client = await with_provider(site_of, given).client()
        for verifier in ("", "v" * 64):
            back = await consent(await leave(client))
            await site_of.db.execute(
                "UPDATE core_mail_consent SET verifier = $1", seal(site_of.config, verifier)
            )
            assert "invalid_grant" in (await come_back(client, back))[1]
        assert [] == await accounts(site_of)


async def test_nothing_in_the_request_chooses_where_the_browser_goes(site_of: Running) -> None:
    evil = "https://evil.example/"
    async with providing() as given:
        client = await with_provider(site_of, given).client()
        more = dict.fromkeys(
            ("next", "url", "redirect_uri", "authorize_url", "state", "name"), evil
        )
        answer = await client.post(f"{_PAGE}?{urlencode(more)}", data={"address": _ADDRESS, **more},
                                   headers={"referer": evil})  # fmt: skip
        assert "evil" not in answer.headers["refresh"]
        back = await consent(answer.headers["refresh"].removeprefix("0;url="))
        extra = {name: value for name, value in more.items() if name != "state"}
        path, _page = await come_back(client, f"{back}&{urlencode(extra)}")
        assert "evil" not in path
        for name in ("//evil.example", "%2F%2Fevil.example", "https:%2F%2Fevil.example"):
            answer = await client.get(f"/settings/mail/oauth/{name}/callback?state=x")
            assert not urlsplit(answer.headers.get("location", "/")).netloc
        foreign = await client.post(_PAGE, data={"address": _ADDRESS},
                                    headers={"origin": evil.rstrip("/")})  # fmt: skip
        assert 403 == foreign.status_code


async def test_a_shared_account_is_made_by_administrators_alone(site_of: Running) -> None:
    async with providing() as given:
        running = with_provider(site_of, given)
        seller, admin = await running.client("seller"), await running.client()
        for client, count in ((seller, 0), (admin, 1)):
            url = await leave(client, address=_ADDRESS, shared="1")
            _path, page = await come_back(client, await consent(url))
            assert count == len(await accounts(site_of)), page
    (kept,) = await accounts(site_of)
    assert kept.owner is None


def load(folder: Path, text: str) -> Any:  # noqa: ANN401 - of a provider
    (folder / "crmkit.toml").write_text(f'[mail.oauth.my-own]\nclient_id = "a"\n{text}')
    return load_config(folder).mail.oauth["my-own"]


def test_a_preset_fills_in_what_the_file_does_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, preset in PRESETS.items():
        found = load(tmp_path, f'preset = "{name}"\nscope = "mine"')
        assert "mine" == found.scope
        assert preset | {"scope": "mine"} == {key: getattr(found, key) for key in preset}
        assert found.authorize_url.startswith("https://")
    assert "" == load(tmp_path, 'token_url = "https://a.example"').authorize_url
    monkeypatch.setenv("CRMKIT_OAUTH_MY_OWN_SECRET", "hush")
    assert "hush" == load(tmp_path, 'preset = "google"\nclient_secret = "old"').client_secret
    for wrong in ('preset = "yahoo"\ntoken_url = "x"', "preset = 1", 'scope = "x"'):
        with pytest.raises(ConfigError, match=r"mail\.oauth|token_url"):
            load(tmp_path, wrong)


async def test_a_sign_in_page_without_encryption_is_left_out(site_of: Running) -> None:
    async with providing() as given:
        given.config = structs.replace(given.config, authorize_url="http://mail.example.net/a")
        client = await with_provider(site_of, given).client()
        answer = await client.post(_PAGE, data={"address": _ADDRESS})
        assert (422, True) == (answer.status_code, "must begin with https" in answer.text)
        assert 404 == (await client.get("/settings/mail/oauth/other")).status_code
