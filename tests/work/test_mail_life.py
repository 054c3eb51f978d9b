"""What becomes of messages with their people, and that machines cause nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crmkit.records.merge import merge_records
from crmkit.records.personal import erase_person, export_person
from crmkit.records.search import search_records
from crmkit.work import mail_incoming
from tests.work.test_mail_flow import (
    account,
    links,
    mail_site,
    message,
    person,
    raw,
    receive,
    site_of,
)

if TYPE_CHECKING:
    from crmkit.testing.sites import Running

__all__ = ["mail_site", "site_of"]
MACHINES = {
    "auto-reply": {"Auto_Submitted": "auto-replied"},
    "mass": {"Precedence": "bulk"},
    "list": {"List_Id": "<friends.example.net>", "Precedence": "list"},
    "circle": {"X_Crmkit_Loop": "1"},
    "daemon": {"sender": "mailer-daemon@example.net"},
    "ourselves": {"sender": "Desk@example.org"},
}


@pytest.mark.parametrize("kind", MACHINES)
async def test_what_machines_write_is_answered_by_none_and_causes_nothing_twice(
    site_of: Running, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    said: list[tuple[str, Any]] = []

    async def noted(_ctx: object, name: str, **more: Any) -> None:  # noqa: ANN401 - as publish
        said.append((name, more["data"]["answerable"]))

    monkeypatch.setattr(mail_incoming, "publish", noted)
    number = await account(await person(site_of))
    mail = raw("Away", **MACHINES[kind])
    (made,) = await receive(site_of.ctx, number, mail)
    # It comes again: in another folder, after the folder was numbered anew, in a batch of itself.
    assert [] == await receive(site_of.ctx, number, mail, mail)
    assert not (await message(site_of, made))["answerable"]
    assert [("core.mail.received", False)] == said
    assert 0 == await site_of.db.value("SELECT count(*) FROM core_job")
    assert 1 == await site_of.db.value("SELECT count(*) FROM core_message")


async def test_what_a_person_writes_may_be_answered(site_of: Running) -> None:
    number = await account(await person(site_of))
    (made,) = await receive(site_of.ctx, number, raw("Away"))
    assert (await message(site_of, made))["answerable"]


async def test_erasing_a_person_removes_the_messages_and_none_comes_back(
    site_of: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = await person(site_of)
    anna, olga = [
        await ctx.create("crm.person", name=name, email=f"{name.lower()}@example.com")
        for name in ("Anna", "Olga")
    ]
    number = await account(ctx)
    mails = [
        raw("Her wish"), raw("For both", Cc="olga@example.com"), raw("Other", "olga@example.com"),
    ]  # fmt: skip
    hers, both, other = await receive(site_of.ctx, number, *mails)
    plan = ctx.site.entity("crm.person")
    told = str(await export_person(ctx, plan, anna))
    assert "Her wish" in told
    assert "Other" not in told
    await erase_person(ctx, plan, anna)
    left = await site_of.db.rows("SELECT id FROM core_message ORDER BY id")
    assert [both, other] == [row["id"] for row in left]
    assert [("crm.person", olga)] == await links(site_of, both)
    assert hers not in [hit.id for hit in await search_records(ctx, "wish")]
    # The folder is numbered anew, and all of it is read again.
    assert [] == await receive(site_of.ctx, number, *mails)

    async def all_of_them(_ctx: object, _account: int, messages: object) -> object:
        return messages

    monkeypatch.setattr("crmkit.work.inbox.without_erased", all_of_them)
    assert 1 == len(await receive(site_of.ctx, number, *mails))


async def test_merging_two_people_moves_their_messages(site_of: Running) -> None:
    ctx = await person(site_of)
    kept, gone = [
        await ctx.create("crm.person", name="Anna", email=f"anna@{host}")
        for host in ("example.com", "example.net")
    ]
    made = await receive(
        site_of.ctx, await account(ctx),
        raw("One"), raw("Two", "anna@example.net"), raw("Both", Cc="anna@example.net"),
    )  # fmt: skip
    await merge_records(ctx, ctx.site.entity("crm.person"), kept, gone, {})
    of_kept = [("crm.person", kept)]
    assert [of_kept] * 3 == [
        [place for place in await links(site_of, one) if place[1] == kept] for one in made
    ]
