"""Mail against real servers: sent once, read once, on the right record, for the right eyes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from crmkit.access.principals import find_principal
from crmkit.access.sealing import key_path, seal, unseal
from crmkit.errors import ConfigError, ConflictError, InvalidError, NotFoundError
from crmkit.records.search import search_records
from crmkit.testing.sites import new_place
from crmkit.web.translate import catalogue
from crmkit.work import outbox
from crmkit.work.inbox import store_batch
from crmkit.work.mail.imap_answers import Fetched
from crmkit.work.mail.reading import Batch, Cursor
from crmkit.work.mail_accounts import find_account, note_health, save_account
from crmkit.work.mail_trying import try_account
from crmkit.work.outbox import Outgoing, queue_mail, send_message, share_message, undo_sending
from tests.sites import free_port
from tests.work.mail.test_reading import Folder, server
from tests.work.mail.test_sending import Desk, raw_server, serving

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running
    from crmkit.work.mail.accounts import ImapAccount, SmtpAccount

imap = server
pytestmark = pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS:UserWarning",
    "ignore:.*Session.login_data:DeprecationWarning",
)
_CLAIM = """
class Mail(Plugin):
    async def prepare_message(self, event):
        if "secret" in event.message.text:
            raise Veto("Not by mail.", text="must not leave")
        event.message.text += "\\nsent by us"

    async def claim_message(self, event):
        if "order 7" in event.message.parsed.subject:
            found = await event.ctx.db.value("SELECT min(id) FROM crm_company")
            return "crm.company", found
"""


@pytest.fixture(scope="module")
async def mail_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A site with a plugin that prepares and claims messages."""
    async with new_place(tmp_path_factory.mktemp("mail")) as place:
        place.write(
            "mail", _CLAIM,
            manifest='id = "mail"\nname = "Mail"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n',
        )  # fmt: skip
        async with place.start() as running:
            yield running


@pytest.fixture
async def site_of(mail_site: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The site without mail and jobs; nobody waits to take a message back."""
    monkeypatch.setattr(outbox, "UNDO_SECONDS", 0)
    for table in ("core_job", "core_schedule", "core_message", "core_mail_account", "crm_person",
                  "crm_company", "core_search", "core_mail_bounce", "core_user"):  # fmt: skip
        await mail_site.db.execute(f"DELETE FROM {table}")
    await mail_site.db.execute(
        "INSERT INTO core_schedule (name, last) VALUES ('core.read_mailboxes', '2999-01-01'), "
        "('core.remove_done_jobs', '2999-01-01')"
    )
    return mail_site


async def person(running: Running, role: str = "administrator") -> Context:
    """Answer the context of a new user."""
    number = await running.db.value(
        "INSERT INTO core_user (name, role) VALUES ('Ada', $1) RETURNING id", role
    )
    found = await find_principal(running.db, number, running.site.roles)
    assert found is not None
    return replace(running.ctx, principal=found)


async def account(
    ctx: Context, smtp: SmtpAccount | None = None, imap: ImapAccount | None = None, **more: str
) -> int:
    typed = {
        "address": "desk@example.org", "password": imap.password if imap else "x",
        "smtp_host": "127.0.0.1", "smtp_port": str(smtp.port if smtp else 25),
        "smtp_tls": "plain", "imap_host": "127.0.0.1" if imap else "",
        "imap_port": str(imap.port if imap else 143), "imap_tls": "plain",
        "username": imap.username if imap else "", **more,
    }  # fmt: skip
    return await save_account(ctx, typed)


async def message(running: Running, number: int | None) -> dict[str, Any]:
    row = await running.db.row("SELECT * FROM core_message WHERE id = $1", number)
    assert row is not None
    return dict(row)


async def links(running: Running, number: int) -> list[tuple[str, int]]:
    rows = await running.db.rows(
        "SELECT entity, record FROM core_message_link WHERE message = $1 ORDER BY 1, 2", number
    )
    return [(row["entity"], row["record"]) for row in rows]


def content_of(desk: Desk) -> bytes:
    content = desk.kept[0].content
    assert isinstance(content, bytes)
    return content


def raw(subject: str, sender: str = "anna@example.com", text: str = "Yes.", **more: str) -> bytes:
    headers = {
        "From": sender, "To": "desk@example.org", "Subject": subject,
        "Message-ID": f"<{abs(hash((subject, sender, text)))}@example.com>",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }  # fmt: skip
    lines = "\r\n".join(f"{name}: {value}" for name, value in headers.items())
    return f"{lines}\r\n\r\n{text}\r\n".encode()


async def receive(ctx: Context, number: int, *raws: bytes) -> list[int]:
    """Store messages as if a mailbox had given them."""
    fetched = tuple(
        Fetched(folder="INBOX", uid=uid, raw=one, flags=(), received_at=None, size=len(one))
        for uid, one in enumerate(raws, 1)
    )
    cursor = Cursor(uid_validity=1, last_uid=len(raws))
    return await store_batch(ctx, await find_account(ctx, number), Batch(messages=fetched,
                             cursor=cursor))  # fmt: skip


async def test_a_message_is_sent_and_its_answer_comes_to_the_record(
    site_of: Running, imap: ImapAccount
) -> None:
    running, desk = site_of, Desk()
    folder = Folder(imap, "INBOX")
    async with serving(desk, auth_require_tls=False, authenticator=_anybody) as smtp:
        ctx = await person(running)
        anna = await ctx.create("crm.person", name="Anna", email="Anna@Example.com")
        number = await account(ctx, smtp, imap)
        assert {} == await try_account(ctx, await find_account(ctx, number))
        await ctx.enqueue("core.read_mailbox", {"account": number})
        await running.work()  # from here on messages are new
        draft = Outgoing(to="Anna <anna@example.com>", subject="Offer", text="Hello",
                         entity="crm.person", record=anna)  # fmt: skip
        sent = await send_message(ctx, draft)
        await running.work()
    assert "sent" == (await message(running, sent))["state"]
    assert ["anna@example.com"] == desk.kept[0].rcpt_tos
    content = content_of(desk).decode()
    assert "sent by us" in content
    found = re.search(r"Message-ID: <(.+?)>", content)
    assert found is not None
    answer = raw("Re: Offer", "other@example.net", In_Reply_To=f"<{found[1]}>")
    folder._client.append("INBOX", "", "", answer)
    folder.close()
    for _ in range(2):
        await ctx.enqueue("core.read_mailbox", {"account": number})
        await running.work()
    rows = await running.db.rows("SELECT id, thread FROM core_message WHERE direction = 'in'")
    assert 1 == len(rows)
    assert sent == rows[0]["thread"]
    assert [("crm.person", anna)] == await links(running, rows[0]["id"])
    health = await find_account(ctx, number)
    assert "" == health.error
    assert None not in (health.read_at, health.sent_at)


def _anybody(*_: object) -> Any:  # noqa: ANN401 - of the library
    from aiosmtpd.smtp import AuthResult  # noqa: PLC0415

    return AuthResult(success=True)


async def test_hook_prepare_message(site_of: Running) -> None:
    ctx = await person(site_of)
    await account(ctx)
    with pytest.raises(InvalidError, match="Not by mail"):
        await send_message(ctx, Outgoing(to="a@example.com", subject="x", text="secret"))
    assert 0 == await site_of.db.value("SELECT count(*) FROM core_message")


async def test_hook_claim_message(site_of: Running) -> None:
    ctx = await person(site_of)
    company = await ctx.create("crm.company", name="Acme")
    (made,) = await receive(site_of.ctx, await account(ctx), raw("About order 7"))
    assert [("crm.company", company)] == await links(site_of, made)


async def test_a_server_that_dies_after_the_message_makes_it_unclear_and_never_twice(
    site_of: Running,
) -> None:
    got: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                got.append(line)
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                return
            writer.write(b"250 OK\r\n")

    async with raw_server(talk) as smtp:
        ctx = await person(site_of)
        number = await account(ctx, smtp)
        await site_of.db.execute("UPDATE core_mail_account SET username = ''")
        sent = await send_message(ctx, Outgoing(to="a@example.com", subject="x", text="y"))
        await site_of.work()
        await outbox.queue_sending(site_of.ctx, sent, number)
        await site_of.work()
    assert ("unclear", 1) == ((await message(site_of, sent))["state"], len(got))
    await outbox.decide_unclear(ctx, sent, again=False)
    assert "sent" == (await message(site_of, sent))["state"]
    with pytest.raises(ConflictError):
        await outbox.decide_unclear(ctx, sent, again=True)


async def test_what_was_cut_off_while_sending_is_unclear(site_of: Running) -> None:
    ctx, desk = await person(site_of), Desk()
    async with serving(desk) as smtp:
        await account(ctx, smtp)
        sent = await send_message(ctx, Outgoing(to="a@example.com", subject="x", text="y"))
        await site_of.db.execute("UPDATE core_message SET state = 'sending'")
        await site_of.work()
    assert ("unclear", []) == ((await message(site_of, sent))["state"], desk.kept)


async def test_a_wrong_password_gives_no_message_up(site_of: Running) -> None:
    ctx = await person(site_of)
    async with serving(Desk(), auth_require_tls=False, authenticator=_nobody) as smtp:
        number = await account(ctx, smtp)
        sent = await send_message(ctx, Outgoing(to="a@example.com", subject="x", text="y"))
        await site_of.work()
        problems = await try_account(ctx, await find_account(ctx, number))
    assert "waiting" == (await message(site_of, sent))["state"]
    assert "refuses" in (await find_account(ctx, number)).send_error
    assert "user name or password" in problems["smtp"]


async def test_what_an_account_refuses_is_said_in_the_reader_s_language(site_of: Running) -> None:
    ctx = replace(await person(site_of), translate=catalogue("ru").gettext)
    port = str(free_port())
    number = await account(ctx, imap_host="127.0.0.1", imap_port=port, smtp_port=port)
    problems = await try_account(ctx, await find_account(ctx, number))
    assert "Сервер 127.0.0.1 недоступен" in problems["imap"]
    assert "Проверьте" in problems["smtp"] or "проверьте" in problems["smtp"]


def _nobody(*_: object) -> Any:  # noqa: ANN401 - of the library
    from aiosmtpd.smtp import AuthResult  # noqa: PLC0415

    return AuthResult(success=False, handled=False)


async def test_reading_does_not_hide_that_nothing_can_be_sent(site_of: Running) -> None:
    ctx = await person(site_of)
    number = await account(ctx)  # nobody listens at its port
    sent = await send_message(ctx, Outgoing(to="a@example.com", subject="x", text="y"))
    await site_of.work()
    assert "waiting" == (await message(site_of, sent))["state"]
    await note_health(ctx, number)
    health = await find_account(ctx, number)
    assert ("", None) == (health.error, health.sent_at)
    assert "connect" in health.trouble
    await note_health(ctx, number, what="sent")
    assert "" == (await find_account(ctx, number)).trouble


async def test_an_invitation_can_be_opened_by_a_calendar(site_of: Running) -> None:
    ctx = await person(site_of)
    number, calendar = await account(ctx), b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"
    head = b"From: anna@example.com\r\nSubject: Come\r\nMessage-ID: <i@example.com>\r\n"
    kind = b"MIME-Version: 1.0\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\n"
    (got,) = await receive(ctx, number, head + kind + calendar)
    rows = await site_of.db.rows(
        "SELECT name, content FROM core_message_file WHERE message = $1", got
    )
    assert [("invitation.ics", calendar)] == [tuple(row.values()) for row in rows]


async def test_only_those_refused_for_a_while_get_it_again(site_of: Running) -> None:
    ctx, desk = await person(site_of), Desk(busy="450 later", gone="550 no such user")
    async with serving(desk) as smtp:
        await account(ctx, smtp)
        await site_of.db.execute("UPDATE core_mail_account SET username = ''")
        to = "a@example.com, busy@example.com, gone@example.com"
        sent = await send_message(ctx, Outgoing(to=to, subject="x", text="y"))
        await site_of.work()
        desk.answers.pop("busy")
        await site_of.db.execute("UPDATE core_job SET run_at = now() WHERE state = 'later'")
        await site_of.work()
    assert [["a@example.com"], ["busy@example.com"]] == [one.rcpt_tos for one in desk.kept]
    assert "sent" == (await message(site_of, sent))["state"]
    assert "gone@example.com" == await site_of.db.value("SELECT address FROM core_mail_bounce")


async def test_a_message_can_be_taken_back(
    site_of: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "UNDO_SECONDS", 10)
    ctx = await person(site_of)
    await account(ctx)
    sent = await send_message(ctx, Outgoing(to="a@example.com", subject="x", text="y"))
    with pytest.raises(NotFoundError):
        await undo_sending(await person(site_of), sent)
    await undo_sending(ctx, sent)
    assert ("draft", 0) == ((await message(site_of, sent))["state"], await site_of.work())
    with pytest.raises(ConflictError):
        await undo_sending(ctx, sent)


async def test_notices_leave_once_for_each_key(site_of: Running) -> None:
    ctx, desk = await person(site_of), Desk()
    assert await queue_mail(ctx, to="a@example.com", subject="s", text="t", key="early")
    async with serving(desk) as smtp:
        await account(ctx, smtp, shared="1", sends_notices="1")
        await site_of.db.execute("UPDATE core_mail_account SET username = ''")
        assert await queue_mail(ctx, to="a@example.com", subject="s", text="t", key="k")
        assert None is await queue_mail(ctx, to="a@example.com", subject="s", text="t", key="k")
        await site_of.work()
    assert 1 == len(desk.kept)
    assert b"Auto-Submitted: auto-generated" in content_of(desk)
    with pytest.raises(InvalidError):
        await queue_mail(ctx, to="a@example.com", subject="a\nBcc: b@example.com", text="", key="x")


async def test_private_is_for_the_owner_and_shared_for_readers_of_the_record(
    site_of: Running,
) -> None:
    ctx, other, seller = [await person(site_of, role) for role in
                          ("seller", "administrator", "seller")]  # fmt: skip
    anna = await ctx.create("crm.person", name="Anna", email="anna@example.com")
    (made,) = await receive(site_of.ctx, await account(ctx), raw("Confidential wish"))
    assert [("crm.person", anna)] == await links(site_of, made)

    async def seen(by: Context) -> list[bool]:
        hits = [hit.id for hit in await search_records(by, "confidential")]
        try:
            await by.get("core.message", made)
        except NotFoundError:
            return [made in hits, False]
        return [made in hits, True]

    assert [[True] * 2, [False] * 2, [False] * 2] == [await seen(x) for x in (ctx, other, seller)]
    with pytest.raises(NotFoundError):
        await share_message(other, made, private=False)
    await share_message(ctx, made, private=False)
    assert [[True] * 2] * 3 == [await seen(x) for x in (ctx, other, seller)]
    await site_of.db.execute("DELETE FROM core_message_link")
    assert [[True] * 2, [False] * 2, [False] * 2] == [await seen(x) for x in (ctx, other, seller)]


async def test_nobody_enters_a_message_as_a_record(site_of: Running) -> None:
    with pytest.raises(InvalidError, match="entered here"):
        await site_of.ctx.create("core.message", subject="Forged")


async def test_a_forged_token_and_a_foreign_thread_lead_nowhere(site_of: Running) -> None:
    ctx = await person(site_of)
    anna = await ctx.create("crm.person", name="Anna", email="anna@example.com")
    number = await account(ctx)
    sent = await send_message(ctx, Outgoing(to="x@example.com", subject="s", text="t",
                                            entity="crm.person", record=anna))  # fmt: skip
    told = (await message(site_of, sent))["message_id"]
    forged = re.sub(r"\.([a-z2-7]{16})@", f".{'a' * 16}@", told)
    other = await account(await person(site_of), address="two@example.org")
    (made,) = await receive(site_of.ctx, number, raw("Re", "m@example.net",
                                                     In_Reply_To=f"<{forged}>"))  # fmt: skip
    assert [] == await links(site_of, made)
    (made,) = await receive(site_of.ctx, other, raw("Re", "m@example.net",
                                                    In_Reply_To=f"<{told}>"))  # fmt: skip
    assert None is (await message(site_of, made))["thread"]


async def test_a_bounce_marks_the_message_and_the_address_it_was_sent_to(
    site_of: Running,
) -> None:
    ctx = await person(site_of)
    number = await account(ctx)
    sent = await send_message(ctx, Outgoing(to="gone@example.com", subject="s", text="t"))
    told = (await message(site_of, sent))["message_id"]
    report = (
        "From: MAILER-DAEMON@mx.example.net\r\nTo: desk@example.org\r\nSubject: failure\r\n"
        "Message-ID: <b@mx.example.net>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
        "Final-Recipient: rfc822; gone@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        "Final-Recipient: rfc822; victim@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <{told}>\r\n\r\nt\r\n--b--\r\n"
    )
    (made,) = await receive(site_of.ctx, number, report.encode())
    assert "bounced" == (await message(site_of, sent))["state"]
    rows = await site_of.db.rows("SELECT address FROM core_mail_bounce")
    assert ["gone@example.com"] == [row["address"] for row in rows]
    assert (False, "bounce") == (
        (await message(site_of, made))["answerable"], (await message(site_of, made))["kind"],
    )  # fmt: skip


async def test_machines_and_loops_are_not_to_be_answered(site_of: Running) -> None:
    ctx = await person(site_of)
    made = await receive(
        site_of.ctx, await account(ctx),
        raw("Hello"), raw("Away", Auto_Submitted="auto-replied"),
        raw("Mine", "desk@example.org"), raw("Circle", X_Loop="1"),
    )  # fmt: skip
    assert [True, False, False, False] == [
        (await message(site_of, one))["answerable"] for one in made
    ]


async def test_what_is_read_again_is_stored_once_by_the_same_number_of_statements(
    site_of: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = await person(site_of)
    number = await account(ctx)
    first = await receive(site_of.ctx, number, raw("1"), raw("2"))
    assert (2, []) == (len(first), await receive(site_of.ctx, number, raw("1"), raw("2")))
    counts = []
    original = site_of.db._call

    async def counted(*args: Any, **more: Any) -> Any:  # noqa: ANN401
        counts.append(1)
        return await original(*args, **more)

    monkeypatch.setattr(site_of.db, "_call", counted)
    sizes = []
    for many in (2, 22):
        counts.clear()
        await receive(site_of.ctx, number, *[raw(f"{many}-{n}") for n in range(many)])
        sizes.append(len(counts))
    # One for each message besides a fixed number.
    assert 20 == sizes[1] - sizes[0]


def test_a_password_is_sealed_with_the_key_beside_the_database(mail_site: Running) -> None:
    sealed = seal(mail_site.config, "пароль")
    assert "пароль" == unseal(mail_site.config, sealed)
    assert sealed != seal(mail_site.config, "пароль")
    assert "пароль".encode() not in sealed
    assert 0o600 == key_path(mail_site.config).stat().st_mode & 0o777
    with pytest.raises(ConfigError, match=r"secret\.key"):
        unseal(mail_site.config, sealed[:20] + b"x" + sealed[21:])


async def test_who_does_not_administer_names_no_strange_port(site_of: Running) -> None:
    ctx = await person(site_of, "seller")
    with pytest.raises(InvalidError) as caught:
        await account(ctx, smtp_port="22", imap_host="x", imap_port="6379")
    assert {"smtp_port", "imap_port"} == set(caught.value.problems)
    number = await save_account(ctx, {"address": "ada@gmail.com", "password": "x"})
    assert "smtp.gmail.com" == (await find_account(ctx, number)).smtp_host
