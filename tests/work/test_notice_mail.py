"""Notices by mail through the real outbox: once, in the reader's words, never in quiet hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from crmkit.config import ServerConfig
from crmkit.model.notification import Telling
from crmkit.testing.sites import new_place
from crmkit.web import notice_mail
from crmkit.web.account import save_account as save_person
from crmkit.work import notice_plans
from crmkit.work.mail_accounts import save_account
from crmkit.work.notice_plans import JOB, save_times
from crmkit.work.notifications import list_notifications, mark_read, notify, save_choices
from crmkit.work.quiet_hours import MailTimes
from tests.work.mail.test_sending import Desk, serving
from tests.work.promising import HOUR, now_of, turn_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from email.message import EmailMessage

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running
    from tests.conftest import Browse

KIND = "core.deadline"
BASE = "https://crm.example.org"
LOUD = MailTimes(quiet_from=None, quiet_to=None, quiet_weekends=False)


@pytest.fixture(scope="module")
async def whole_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with new_place(tmp_path_factory.mktemp("notices")) as place:
        place.options["server"] = ServerConfig(base_url=BASE)
        async with place.start() as running:
            yield running


@pytest.fixture
async def desk(whole_site: Running) -> AsyncIterator[Desk]:
    """The mail server that the account for notices sends by, with an empty site before it."""
    await whole_site.db.execute(
        "TRUNCATE core_job, core_message, core_mail_account, core_notification, core_deadline, "
        "core_user, crm_activity, crm_company CASCADE"
    )
    await whole_site.db.execute("UPDATE core_schedule SET last = '2999-01-01'")
    found = Desk()
    async with serving(found) as smtp:
        await save_account(whole_site.ctx, {
            "address": "desk@example.org", "smtp_host": "127.0.0.1", "smtp_port": str(smtp.port),
            "smtp_tls": "plain", "shared": "1", "sends_notices": "1",
        })  # fmt: skip
        yield found


@pytest.fixture
def running(desk: Desk, whole_site: Running) -> Running:
    assert [] == desk.kept
    return whole_site


async def person(
    running: Running,
    *channels: str,
    times: MailTimes = LOUD,
    **more: Any,  # noqa: ANN401 - columns
) -> Context:
    """Somebody who chose these channels for deadlines, none for what he has not chosen."""
    values = {"name": "Boris", "role": "administrator", "email": "boris@example.com", **more}
    number = await running.db.value(
        f"INSERT INTO core_user ({', '.join(values)}) VALUES ("
        f"{', '.join(f'${n}' for n in range(1, len(values) + 1))}) RETURNING id",
        *values.values(),
    )
    system = running.ctx
    ctx = replace(system, principal=replace(system.principal, user_id=number))
    await save_times(ctx, times)
    if channels:
        await save_choices(ctx, {KIND: channels})
    return ctx


async def tell(ctx: Context, title: str = "Call", **more: Any) -> int:  # noqa: ANN401 - of Telling
    telling = Telling(**{"kind": KIND, "text": "{title} is due now.", "values": {"title": title},
                         **more})  # fmt: skip
    return await notify(replace(ctx, principal=replace(ctx.principal, user_id=None)),
                        [ctx.user_id or 0], telling)  # fmt: skip


async def work(running: Running) -> None:
    """Work as if all that waits for its moment had come to it."""
    await running.db.execute(
        "UPDATE core_job SET run_at = now() WHERE state = 'later' AND name = $1", JOB
    )
    await running.work()


def mails(desk: Desk) -> list[EmailMessage]:
    contents = [each.content for each in desk.kept]
    return [
        message_from_bytes(content, policy=policy.default)
        for content in contents
        if isinstance(content, bytes)
    ]


def body(mail: EmailMessage) -> str:
    found = mail.get_body(("plain",))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


async def waiting(running: Running) -> list[datetime]:
    rows = await running.db.rows(
        "SELECT run_at FROM core_job WHERE name = $1 AND state IN ('later', 'ready')", JOB
    )
    return [row["run_at"] for row in rows]


async def quiet_now(running: Running) -> MailTimes:
    """Quiet hours in UTC that began an hour ago and end in one."""
    now = await now_of(running)
    return MailTimes(quiet_from=(now - HOUR).time(), quiet_to=(now + HOUR).time(),
                     quiet_weekends=False)  # fmt: skip


async def test_at_once_it_comes_once_in_the_words_of_the_reader(
    running: Running, desk: Desk
) -> None:
    boris = await person(running, "mail", language="ru")
    company = await running.ctx.create("crm.company", name="Acme")
    where = {"entity": "crm.company", "record_id": company, "key": "acme:1"}
    assert [1, 0] == [await tell(boris, "Acme", **where) for _ in range(2)]
    await running.work()  # nothing is waited for
    await boris.enqueue(JOB, {"user": boris.user_id, "channel": "mail"})
    await running.work()
    (mail,) = mails(desk)
    assert ["boris@example.com"] == desk.kept[0].rcpt_tos
    assert "desk@example.org" in mail["From"]
    assert "Срок наступил: Acme." == mail["Subject"]
    first, link, *rest = body(mail).split("\n")
    assert (mail["Subject"], f"{BASE}/crm.company/{company}") == (first, link)
    assert "О чём вам сообщать почтой" in "\n".join(rest)
    assert f"{BASE}/settings/notifications" in rest
    assert [] == await list_notifications(boris)  # by mail alone is not in the app


async def test_the_digest_is_one_mail_of_what_is_unread_and_may_be_seen(
    running: Running, desk: Desk
) -> None:
    boris = await person(running)  # who chose nothing: in the app and in the digest
    lost = await running.ctx.create("crm.company", name="Lost")
    await tell(boris, "One\nmore line")
    await tell(boris, "Read")
    await mark_read(boris, (await list_notifications(boris))[0].id)
    await tell(boris, "Lost", entity="crm.company", record_id=lost)
    await tell(boris, "Two", kind="core.approval", url="/approvals")
    await running.db.execute("DELETE FROM crm_company WHERE id = $1", lost)
    (moment,) = await waiting(running)
    assert time(8) == moment.time()
    await running.work()
    assert [] == mails(desk)
    await work(running)
    (mail,) = mails(desk)
    assert "Notifications: 2" == mail["Subject"]
    text = body(mail)
    assert ["One more line is due now.", "Two is due now."] == text.split("\n")[::2][:2]
    assert f"{BASE}/approvals" in text
    assert not {"Read", "Lost"} & set(text.split())
    assert 4 == len(await list_notifications(boris))


async def test_it_waits_for_the_end_of_quiet_hours_and_new_hours_plan_anew(
    running: Running, desk: Desk
) -> None:
    quiet = await quiet_now(running)
    boris = await person(running, "mail", "digest", times=quiet)
    await tell(boris)
    (moment,) = await waiting(running)  # at once goes before the digest
    assert quiet.quiet_to is not None
    assert quiet.quiet_to.replace(second=0, microsecond=0) == moment.time()
    await work(running)  # too early
    assert ([], [moment]) == (mails(desk), await waiting(running))
    await save_times(boris, LOUD)
    await running.work()
    assert ["Call is due now."] == [mail["Subject"] for mail in mails(desk)]


@pytest.mark.parametrize("door", ["account", "record"])
async def test_a_new_time_zone_plans_the_digest_anew(running: Running, door: str) -> None:
    daily = MailTimes(quiet_from=None, quiet_to=None, quiet_weekends=False, digest_at=time(8))
    boris = await person(running, "digest", times=daily, time_zone="Asia/Tokyo")
    await tell(boris)
    (there,) = await waiting(running)
    assert 8 == there.astimezone(ZoneInfo("Asia/Tokyo")).hour
    if door == "account":
        await save_person(boris, "", "America/New_York")
    else:
        await running.ctx.save("core.user", boris.user_id or 0, time_zone="America/New_York")
    (here,) = await waiting(running)
    assert 8 == here.astimezone(ZoneInfo("America/New_York")).hour


async def test_without_the_guards_it_comes_in_quiet_hours(
    running: Running, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counter-test: the hours are asked when it is planned, and again when it leaves."""
    boris = await person(running, "mail", times=await quiet_now(running))
    await tell(boris)
    monkeypatch.setattr(notice_mail, "next_loud", lambda moment, *_: moment)
    await running.work()
    assert [] == mails(desk)
    monkeypatch.setattr(notice_plans, "next_loud", lambda moment, *_: moment)
    await save_times(boris, await quiet_now(running))
    await running.work()
    assert 1 == len(mails(desk))


async def test_without_the_marks_it_comes_twice(running: Running, desk: Desk) -> None:
    """Counter-test: what was sent is marked twice, at the notice and by the key of the message."""
    boris = await person(running, "mail")
    await tell(boris, key="a")
    await running.work()
    for undone, count in (
        ("UPDATE core_notification SET mail = 'mail'", 1),
        ("UPDATE core_message SET key = NULL", 1),
        ("UPDATE core_notification SET mail = 'mail'", 2),
    ):
        await running.db.execute(undone)
        await boris.enqueue(JOB, {"user": boris.user_id, "channel": "mail"})
        await running.work()
        assert count == len(mails(desk))


async def test_who_may_not_sign_in_any_more_gets_nothing(running: Running, desk: Desk) -> None:
    boris = await person(running, "mail", "digest", times=await quiet_now(running))
    await tell(boris)
    await running.db.execute("UPDATE core_user SET active = false")
    assert 0 == await tell(boris, "Later")
    await work(running)
    assert [] == mails(desk)
    await running.db.execute("UPDATE core_user SET active = true")
    await save_times(boris, LOUD)
    await running.work()
    assert [] == mails(desk)  # old news do not come with a return


@pytest.mark.parametrize("lack", ["account", "address"])
async def test_what_cannot_be_mailed_stands_in_the_inbox(
    running: Running, desk: Desk, lack: str
) -> None:
    boris = await person(running, "mail", email="" if lack == "address" else "boris@example.com")
    if lack == "account":
        await running.db.execute("UPDATE core_mail_account SET sends_notices = false")
    await tell(boris)
    assert 1 == len(await list_notifications(boris))
    await save_choices(boris, {KIND: []})
    assert 0 == await tell(boris, "Unwanted")
    await running.work()
    assert [] == mails(desk)
    assert 0 == await running.db.value("SELECT count(*) FROM core_message")


async def test_a_reminder_comes_by_mail(running: Running, desk: Desk) -> None:
    boris = await person(running, "mail")
    number = await running.ctx.create(
        "crm.activity", subject="Ring", owner=boris.user_id, due_at=await now_of(running) + HOUR
    )
    await turn_clock(running.ctx, timedelta(minutes=50))
    await running.work()
    (mail,) = mails(desk)
    assert "Ring is due soon." == mail["Subject"]
    assert f"{BASE}/crm.activity/{number}" in body(mail)


async def test_hours_are_chosen_on_the_page(browse: Browse, admin: Context) -> None:
    page, url = await browse("seller"), "/settings/notifications"
    before = (await page.get(url)).text
    assert 'name="core.approval.digest"' in before
    assert "Nothing comes by mail yet" in before
    typed = {"sent": "1", "quiet_from": "20:00", "digest_at": "x"}
    wrong = await page.post(url, data=typed)
    assert 422 == wrong.status_code
    assert "Time of the digest is no time of day" in wrong.text
    half = await page.post(url, data=typed | {"digest_at": "09:30"})
    assert "No mail until is missing" in half.text
    after = (await page.get(url)).text
    assert before.count("checked") == after.count("checked")  # all or nothing
    typed |= {"quiet_from": "22:00:10", "quiet_to": "06:00:50", "digest_at": "09:30"}
    await page.post(url, data=typed | {"core.approval.mail": "1"})
    row = await admin.db.row("SELECT * FROM core_notification_settings")
    assert row is not None
    assert (time(22), time(6), False, time(9, 30)) == tuple(row)[1:]
    assert 1 == (await page.get(url)).text.count("checked")
