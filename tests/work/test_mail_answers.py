"""What machines write: it says so, stops by itself, and is sent once there is an account."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from crmkit.errors import ConflictError, InvalidError
from crmkit.work import mail_answers
from crmkit.work.mail_answers import answer_mail, count_lost, resend_lost
from crmkit.work.mail_receipts import choose_receipt
from crmkit.work.outbox import queue_mail
from tests.work.mail.test_sending import Desk, serving
from tests.work.test_mail_flow import (
    account,
    content_of,
    links,
    mail_site,
    message,
    person,
    raw,
    receive,
    site_of,
)

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

__all__ = ["mail_site", "site_of"]
pytestmark = pytest.mark.filterwarnings("ignore:.*Session.login_data:DeprecationWarning")


async def answer(ctx: Context, number: int, reason: str = "helpdesk.receipt") -> int | None:
    return await answer_mail(ctx, number, subject="We got it", text="Thanks.", reason=reason)


async def test_two_systems_that_answer_each_other_stop_after_one_message(
    site_of: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = site_of.ctx
    number = await account(await person(site_of), shared="1", sends_notices="1")
    await site_of.db.execute("DELETE FROM core_mail_answer")
    (first,) = await receive(ctx, number, raw("Help", "robot@example.com"))
    sent = await answer(ctx, first)
    assert sent is not None
    # The other one answers at once and does not say that it is a machine.
    (back,) = await receive(ctx, number, raw("We got yours too", "Robot@example.com"))
    assert (await message(site_of, back))["answerable"]
    assert await answer(ctx, back) is None
    # One that says so is not answered even the first time.
    (machine,) = await receive(
        ctx, number, raw("Away", "other@example.com", Auto_Submitted="auto-replied")
    )
    assert await answer(ctx, machine) is None
    assert await answer(ctx, back, "helpdesk.absence") is not None
    tomorrow = replace(ctx, clock=lambda: ctx.now() + timedelta(days=1, minutes=1))
    assert await answer(tomorrow, back) is not None
    assert await answer(ctx, sent) is None
    # The day is what stops them.
    monkeypatch.setattr(mail_answers, "_ONCE_IN", timedelta(0))
    (third,) = await receive(ctx, number, raw("We got that as well", "robot@example.com"))
    assert await answer(ctx, third, "helpdesk.absence") is not None


async def test_mail_of_machines_says_so_and_how_to_stop_it(site_of: Running) -> None:
    server = msgspec.structs.replace(site_of.ctx.config.server, base_url="https://crm.example.org")
    config = msgspec.structs.replace(site_of.ctx.config, server=server)
    ctx, desk = replace(site_of.ctx, config=config), Desk()
    await site_of.db.execute("DELETE FROM core_mail_answer")
    async with serving(desk) as smtp:
        number = await account(await person(site_of), smtp, shared="1", sends_notices="1")
        await site_of.db.execute("UPDATE core_mail_account SET username = ''")
        await queue_mail(ctx, to="a@example.com", subject="s", text="t", key="k",
                         stop_path="/settings/notifications")  # fmt: skip
        await site_of.work()
        notice = content_of(desk)
        desk.kept.clear()
        (got,) = await receive(ctx, number, raw("Help", "anna@example.com"))
        await answer(ctx, got)
        await site_of.work()
    assert b"Auto-Submitted: auto-generated" in notice
    assert b"X-Auto-Response-Suppress: All" in notice
    assert b"List-Unsubscribe: <https://crm.example.org/settings/notifications>" in notice
    # A page where one signs in ends nothing by one POST (RFC 8058).
    assert b"One-Click" not in notice
    receipt = content_of(desk)
    assert b"Auto-Submitted: auto-replied" in receipt
    assert b"In-Reply-To: <" in receipt
    assert b"List-Unsubscribe" not in receipt


async def test_a_shared_mailbox_answers_who_begins_a_conversation_in_his_language(
    site_of: Running,
) -> None:
    ctx = site_of.ctx
    for table in ("core_mail_answer", "core_mail_template"):
        await site_of.db.execute(f"DELETE FROM {table}")
    number = await account(await person(site_of), shared="1")
    anna = await ctx.create("crm.person", name="Anna", email="anna@example.com", language="German")
    for language, body in (("en", "Dear [{{ person.name }}]"), ("de", "Liebe {{ person.name }}")):
        await ctx.create("core.mail_template", name="Got it", language=language, body=body)

    async def told(*raws: bytes) -> list[tuple[str, str, str]]:
        for each in raws:
            await receive(ctx, number, each)
        await site_of.work()
        rows = await site_of.db.rows(
            "DELETE FROM core_message WHERE direction = 'out' RETURNING recipients, subject, body"
        )
        return [tuple(row.values()) for row in rows]

    assert [] == await told(raw("Before it was chosen", "anna@example.com"))
    with pytest.raises(InvalidError):
        await choose_receipt(ctx, number, "Got nothing")
    await choose_receipt(ctx, number, "Got it")
    first = await told(raw("Help", "anna@example.com"), raw("More", "anna@example.com"))
    assert [("anna@example.com", "Re: Help", "Liebe Anna")] == first
    (answered,) = await receive(ctx, number, raw("Hello", "ben@example.com"))
    other = await told(raw("Away", "eve@example.com", Auto_Submitted="auto-replied"))
    assert [("ben@example.com", "Re: Hello", "Dear []")] == other
    assert await links(site_of, answered) == []
    # An answer begins nothing, even after a day.
    await site_of.db.execute("DELETE FROM core_mail_answer")
    began = (await message(site_of, answered))["message_id"]
    assert [] == await told(raw("Re: Hello", "ben@example.com", In_Reply_To=began))
    await site_of.db.execute("UPDATE core_mail_template SET trashed_at = now()")
    assert [] == await told(raw("Help once more", "anna@example.com"))
    assert anna


async def test_notices_that_had_no_account_are_sent_once_there_is_one(site_of: Running) -> None:
    ctx, desk = site_of.ctx, Desk()
    for key in ("one", "two"):
        await queue_mail(ctx, to=f"{key}@example.com", subject=key, text="t", key=key)
    with pytest.raises(ConflictError, match="Sends notices"):
        await resend_lost(ctx)
    async with serving(desk) as smtp:
        await account(await person(site_of), smtp, shared="1", sends_notices="1")
        await site_of.db.execute("UPDATE core_mail_account SET username = ''")
        assert [2, 2, 0] == [await count_lost(ctx), await resend_lost(ctx), await resend_lost(ctx)]
        await site_of.work()
    assert {"one@example.com", "two@example.com"} == {one.rcpt_tos[0] for one in desk.kept}
    assert b"@crmkit.example.org>" in content_of(desk)
