"""Mail as people meet it: the account, the tab on a record, the timeline, what needs a decision."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from crmkit.errors import InvalidError
from crmkit.records.history import undo_operation
from crmkit.records.save import restore_record
from crmkit.testing.sites import new_place
from crmkit.work import outbox
from crmkit.work.outbox import queue_mail
from tests.work.mail.test_sending import Desk, serving
from tests.work.test_mail_flow import account, message, raw, receive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

pytestmark = pytest.mark.filterwarnings("ignore:.*Session.login_data:DeprecationWarning")


@pytest.fixture(scope="module")
async def desk_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A site of the built-in plugins alone."""
    async with new_place(tmp_path_factory.mktemp("pages")) as place, place.start() as running:
        yield running


@pytest.fixture
async def running(desk_site: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The site without mail; nobody waits to take a message back."""
    monkeypatch.setattr(outbox, "UNDO_SECONDS", 0)
    for table in (
        "core_job",
        "core_schedule",
        "core_message",
        "core_mail_account",
        "crm_person",
        "crm_company",
        "core_mail_template",
    ):
        await desk_site.db.execute(f"DELETE FROM {table}")
    await desk_site.db.execute(
        "INSERT INTO core_schedule (name, last) VALUES ('core.read_mailboxes', '2999-01-01'), "
        "('core.remove_done_jobs', '2999-01-01')"
    )
    return desk_site


async def me(running: Running) -> Context:
    """Answer the context of who signed in last."""
    from dataclasses import replace  # noqa: PLC0415 - here alone

    from crmkit.access.principals import find_principal  # noqa: PLC0415 - as above

    number = await running.db.value("SELECT max(id) FROM core_user")
    found = await find_principal(running.db, number, running.site.roles)
    assert found is not None
    return replace(running.ctx, principal=found)


async def follow(client: httpx.AsyncClient, answer: httpx.Response) -> str:
    assert 303 == answer.status_code, answer.text[-2000:]
    return (await client.get(answer.headers["location"])).text


async def test_an_account_is_added_and_a_message_sent_from_a_record(running: Running) -> None:
    client, desk = await running.client(), Desk()
    ctx = await me(running)
    anna = await ctx.create("crm.person", name="Anna", email="anna@example.com")
    page = (await client.get(f"/crm.person/{anna}")).text
    assert f'/crm.person/{anna}/mail"' not in page
    wrong = await client.post("/settings/mail/new", data={"address": "desk@example.org"})
    assert (422, True) == (wrong.status_code, "ask who runs your mail" in wrong.text)
    async with serving(desk) as smtp:
        typed = {"address": "desk@example.org", "smtp_host": "127.0.0.1", "imap_host": "",
                 "smtp_port": str(smtp.port), "smtp_tls": "plain", "imap_tls": "plain"}  # fmt: skip
        saved = await follow(client, await client.post("/settings/mail/new", data=typed))
        assert "sending and reading work" in saved
        page = (await client.get(f"/crm.person/{anna}?write=email")).text
        assert 'value="anna@example.com"' in page
        refused = await client.post(
            f"/crm.person/{anna}/mail", data={"to": "nonsense", "subject": "Offer", "text": "Kept"}
        )
        assert (422, True) == (refused.status_code, "Kept" in refused.text)
        answer = await client.post(
            f"/crm.person/{anna}/mail",
            data={"to": "anna@example.com", "subject": "Offer", "text": "Hello Anna"},
            files={"files": ("price.pdf", b"%PDF", "application/pdf")},
        )
        page = await follow(client, answer)
        assert "price.pdf" in page
        assert re.search(r"/mail/messages/\d+/undo", page)
        await running.work()
    assert [["anna@example.com"]] == [one.rcpt_tos for one in desk.kept]
    file = await running.db.value("SELECT max(id) FROM core_message_file")
    got = await client.get(f"/mail/files/{file}")
    assert (b"%PDF", True) == (got.content, "attachment" in got.headers["content-disposition"])
    other = await running.client()
    assert 404 == (await other.get(f"/mail/files/{file}")).status_code
    assert "Offer" not in (await other.get(f"/crm.person/{anna}")).text


async def test_an_answer_stands_on_the_timeline_until_then_for_its_owner(running: Running) -> None:
    client = await running.client()
    ctx = await me(running)
    anna = await ctx.create("crm.person", name="Anna", email="anna@example.com")
    (made,) = await receive(
        running.ctx, await account(ctx),
        raw("<b>Offer</b>", text="Agreed.\r\n\r\nOn Mon, 2 Nov 2026, Desk wrote:\r\n> Old words"),
    )  # fmt: skip
    other = await running.client("seller")
    url = f"/crm.person/{anna}"
    page = (await client.get(url)).text
    assert "Agreed." in page
    assert "&lt;b&gt;Offer" in page
    assert "<summary" in page
    assert "Agreed." not in (await other.get(url)).text
    assert 404 == (await other.get(f"/core.message/{made}")).status_code
    listed = (await other.get("/api/v1/core.message")).text
    assert "Agreed." not in listed
    reply = (await client.get(f"{url}?write=email&reply={made}")).text
    assert "Re: &lt;b&gt;Offer" in reply
    hidden = (await other.get(f"{url}?write=email&reply={made}")).text
    assert "Re: " not in hidden
    assert 404 == (await other.post(f"/mail/messages/{made}/share")).status_code
    assert 303 == (await client.post(f"/mail/messages/{made}/share")).status_code
    assert "Agreed." in (await other.get(url)).text
    assert "Agreed." in (await other.get(f"/core.message/{made}")).text
    assert "Agreed." in (await other.get(f"/api/v1/core.message/{made}")).text


async def test_what_is_taken_back_can_be_written_on(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "UNDO_SECONDS", 10)
    client = await running.client()
    ctx = await me(running)
    anna = await ctx.create("crm.person", name="Anna")
    await account(ctx)
    sent = {"to": "a@example.com", "subject": "Offer", "text": "Half a thought"}
    await follow(client, await client.post(f"/crm.person/{anna}/mail", data=sent))
    number = await running.db.value("SELECT max(id) FROM core_message")
    assert 303 == (await client.post(f"/mail/messages/{number}/undo")).status_code
    assert "draft" == (await message(running, number))["state"]
    url = f"/crm.person/{anna}?write=email&draft={number}"
    assert "Half a thought</textarea>" in (await client.get(url)).text
    again = await client.post(f"/crm.person/{anna}/mail", data={**sent, "draft": str(number)})
    assert 303 == again.status_code
    assert 1 == await running.db.value("SELECT count(*) FROM core_message")


async def test_an_administrator_sends_lost_notices_again(running: Running) -> None:
    client = await running.client()
    ctx = await me(running)
    assert "/settings/mail/resend" not in (await client.get("/settings/mail")).text
    lost = await queue_mail(ctx, to="a@example.com", subject="s", text="t", key="lost")
    assert "/settings/mail/resend" in (await client.get("/settings/mail")).text
    assert 409 == (await client.post("/settings/mail/resend")).status_code
    await account(ctx, shared="1", sends_notices="1")
    await follow(client, await client.post("/settings/mail/resend"))
    assert "waiting" == (await message(running, lost))["state"]
    seller = await running.client("seller")
    assert 403 == (await seller.post("/settings/mail/resend")).status_code
    assert "/settings/mail/resend" not in (await seller.get("/settings/mail")).text


async def test_an_administrator_decides_what_is_unclear(running: Running) -> None:
    client = await running.client()
    ctx = await me(running)
    await account(ctx)
    await running.db.execute(
        "INSERT INTO core_message (direction, state, recipients, message_id, account, error) "
        "SELECT 'out', 'unclear', 'a@example.com', 'x@y', id, 'broke' FROM core_mail_account"
    )
    number = await running.db.value("SELECT max(id) FROM core_message")
    assert "desk@example.org" in (await client.get("/settings/mailboxes")).text
    await running.db.execute(
        "INSERT INTO core_mail_cursor (account, folder, uid_validity, last_uid, received, matched, "
        "behind) SELECT id, 'Orders', 1, 9, 531, 421, 77 FROM core_mail_account"
    )
    page = (await client.get("/settings/mailboxes?show=folders")).text
    assert all(told in page for told in ("Orders", "531", "421", "110", "77"))
    page = (await client.get("/settings/mailboxes?show=unclear")).text
    assert "It was sent" in page
    await client.post(f"/settings/mailboxes/messages/{number}/sent")
    assert "sent" == (await message(running, number))["state"]
    seller = await running.client("seller")
    assert 403 == (await seller.get("/settings/mailboxes")).status_code
    own = await running.db.value("SELECT max(id) FROM core_mail_account")
    assert 403 == (await seller.get(f"/settings/mail/{own}")).status_code


_HTML = """<div style="display:none">preheader</div><style>p { color: red }</style>
<p style="color: red" onclick="x()">Agreed <b>all</b></p>
<img src="http://t.example/p.gif" alt="dot">
<script>alert(1)</script><img src="//u.example/q.png"><a href="javascript:x()">no</a>
<form action="/logout"><button hx-post="/settings/password">Sign in</button></form>
<div class="gmail_quote"><p>Our old <i>words</i></p></div>"""


async def test_a_formatted_message_is_shown_clean_and_asks_no_other_server(
    running: Running,
) -> None:
    client = await running.client()
    ctx = await me(running)
    anna = await ctx.create("crm.person", name="Anna", email="anna@example.com")
    sent = raw("Offer", text=_HTML, Content_Type="text/html; charset=utf-8")
    (made,) = await receive(running.ctx, await account(ctx), sent)
    url = f"/mail/messages/{made}/html"
    assert url in (await client.get(f"/crm.person/{anna}")).text
    fragment = {"HX-Request": "true", "HX-Request-Type": "partial"}
    page = (await client.get(url, headers=fragment)).text
    assert "<p>Agreed <b>all</b></p>" in page
    folded = page.index("<details")
    assert page.index("Agreed") < folded < page.index("<p>Our old <i>words</i></p>")
    for gone in ("preheader", "red", "onclick", "alert", "javascript", "hx-post", "<form",
                 'src="http', 'src="//', "cid:"):  # fmt: skip
        assert gone not in page
    # What was left out is offered as links, after a sentence of what they tell.
    assert 'href="http://t.example/p.gif" target="_blank"' in page
    assert 'href="https://u.example/q.png" target="_blank"' in page
    other = await running.client("seller")
    assert 404 == (await other.get(url)).status_code


_TEXT = "Dear {{ person.name }} of {{ company.name }},\n{{ user.name }}"


async def template(client: httpx.AsyncClient, **more: str) -> httpx.Response:
    typed = {"name": "Welcome", "language": "en", "entity": "crm.person",
             "subject": "Hello {{ record.title }}", "body": _TEXT}  # fmt: skip
    return await client.post("/settings/mail-templates", data=typed | more)


def composed(page: str) -> tuple[str, str]:
    """Answer subject and text as the composer of mail shows them."""
    form = re.search(r'data-draft="[^"]*-email".*?</form>', page, re.DOTALL)
    assert form is not None
    subject = re.search(r'name="subject"[^>]*? value="([^"]*)"|value="([^"]*)"[^>]* id="c-email-su',
                        form[0])  # fmt: skip
    text = re.search(r'name="text"[^>]*>\n(.*?)</textarea>', form[0], re.DOTALL)
    assert subject
    assert text
    return subject[1] or subject[2], text[1]


async def test_mail_forwarded_to_the_address_of_a_record_lies_on_it(running: Running) -> None:
    client, ctx = await running.client(), await me(running)
    number = await account(ctx, imap_host="127.0.0.1")
    acme = await ctx.create("crm.company", name="Acme")
    page = (await client.get(f"/crm.company/{acme}/mail/address")).text
    assert "/mail/address" in (await client.get(f"/crm.company/{acme}")).text
    found = re.search(r'value="(desk\+[^"]+@example\.org)"', page)
    assert found
    forged = found[1].replace(f"+{acme}-", f"+{acme + 1}-")
    right, wrong = await receive(
        ctx, number, raw("Look", "x@strange.example", To=found[1]),
        raw("Forged", "x@strange.example", To=forged),
    )  # fmt: skip
    placed = await running.db.rows("SELECT message, entity, record FROM core_message_link")
    assert [(right, "crm.company", acme)] == [tuple(row.values()) for row in placed]
    assert right != wrong


async def test_an_unknown_place_of_a_template_is_named_with_what_may_be_meant(
    running: Running,
) -> None:
    client = await running.client()
    refused = await template(client, body="Dear {{ person.citty }} {{ record.title }}")
    assert 422 == refused.status_code
    assert "`{{ person.citty }}` is unknown; did you mean `{{ person.city }}`?" in refused.text
    assert 0 == await running.db.value("SELECT count(*) FROM core_mail_template")
    seller = await running.client("seller")
    assert 403 == (await template(seller)).status_code
    await template(client)
    (listed,) = (await seller.get("/api/v1/mail-templates")).json()["rows"]
    assert ("Welcome", _TEXT) == (listed["name"], listed["body"])


async def test_a_template_fills_the_composer_in_the_language_of_the_receiver(
    running: Running,
) -> None:
    client = await running.client()
    ctx = await me(running)
    await account(ctx)
    acme = await ctx.create("crm.company", name="Acme & Sons")
    anna = await ctx.create("crm.person", name="Anna", company=acme, language="German")
    page = await follow(client, await template(client))
    number = re.search(r"/mail-templates/(\d+)/remove", page)
    assert number is not None
    preview = (await client.get(f"/settings/mail-templates/{number[1]}?record={anna}")).text
    assert "Dear Anna of Acme &amp; Sons," in preview
    await template(client, language="de", subject="Hallo", body="Liebe {{ person.name }}")
    chosen = await running.db.value("SELECT id FROM core_mail_template WHERE language = 'de'")
    url = f"/crm.person/{anna}"
    page = (await client.get(f"{url}?write=email")).text
    assert "Welcome (de)" in page
    assert "Welcome (en)" not in page
    typed = {"fill": "1", "template": str(chosen), "text": "My own words", "subject": "",
             "to": "a@example.com", "filled_text": ""}  # fmt: skip
    shown = await client.post(f"{url}/mail", data=typed)
    assert 200 == shown.status_code
    assert ("Hallo", "Liebe Anna\n\nMy own words") == composed(shown.text)
    assert 0 == await running.db.value("SELECT count(*) FROM core_message")
    again = typed | {"text": "Liebe Anna\r\n\r\nMy own words", "filled_text": "Liebe Anna",
                     "subject": "Mine"}  # fmt: skip
    shown = await client.post(f"{url}/mail", data=again)
    assert ("Mine", "Liebe Anna\n\nMy own words") == composed(shown.text)
    await ctx.save("crm.person", anna, language="")
    assert "Welcome (en)" in (await client.get(f"{url}?write=email")).text


async def test_a_template_is_changed_by_every_door_alike_and_each_change_can_be_undone(
    running: Running,
) -> None:
    client, url = await running.client(), "/api/v1/core.mail_template"
    await template(client)
    number = await running.db.value("SELECT id FROM core_mail_template")
    page = f"/settings/mail-templates/{number}"
    twin = {"name": "welcome", "language": "en", "entity": "crm.person", "body": "x"}
    stale = twin | {"name": "Welcome", "body": "Mine", "version": "1"}
    assert 303 == (await client.post(page, data=stale)).status_code
    refused = await client.post(page, data=stale | {"body": "Yours"})
    assert (409, True) == (refused.status_code, "Yours" in refused.text)
    assert "changed" in (await client.get(f"/core.mail_template/{number}")).text
    wrong = await client.post(url, json={"name": "x", "language": "xx-zz", "body": "{{ no }}"})
    assert 422 == wrong.status_code
    assert {"language", "body"} <= set(wrong.json()["error"]["problems"])
    assert "name" in (await client.post(url, json=twin)).json()["error"]["problems"]
    operation = await running.db.value(
        "SELECT max(operation) FROM core_journal WHERE entity = 'core.mail_template'"
    )
    await undo_operation(running.ctx, operation)
    assert _TEXT == await running.db.value("SELECT body FROM core_mail_template")
    await client.post(f"{page}/remove")
    assert 404 == (await client.get(page)).status_code
    assert 201 == (await client.post(url, json=twin)).status_code
    with pytest.raises(InvalidError):  # not an error of the database
        await restore_record(running.ctx, running.site.entity("core.mail_template"), number)


async def test_what_a_person_may_not_read_fills_nothing(running: Running) -> None:
    client = await running.client()
    ctx = await me(running)
    deal = await ctx.create("crm.opportunity", name="Hidden deal")
    lead = await ctx.create("crm.lead", name="Anna")
    body = "[{{ opportunity.name }}|{{ record.opportunity }}|{{ record.title }}]"
    await template(client, entity="crm.lead", body=body)
    seller = await running.client("seller")
    by = await me(running)
    await account(by)
    await account(ctx)
    await running.db.execute("UPDATE crm_lead SET owner = $1, opportunity = $2", by.user_id, deal)
    chosen = await running.db.value("SELECT max(id) FROM core_mail_template")
    typed = {"fill": "1", "template": str(chosen), "text": ""}
    found = [composed((await who.post(f"/crm.lead/{lead}/mail", data=typed)).text)[1]
             for who in (seller, client)]  # fmt: skip
    assert ["[||Anna]", "[Hidden deal|Hidden deal|Anna]"] == found
