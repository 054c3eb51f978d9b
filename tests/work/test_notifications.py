"""What people are told: once, as each chose, and nothing of what they may not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.errors import NotFoundError
from crmkit.model.notification import NotificationKind, Telling
from crmkit.work.notifications import (
    kinds_of,
    list_notifications,
    mark_read,
    notify,
    read_choices,
    save_choices,
)

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.testing.sites import Place
    from tests.conftest import Browse, Login, Make

KIND = "core.approval"


def _told(text: str = "{who} did it.", key: str = "", **more: str) -> Telling:
    return Telling(kind=KIND, text=text, values={"who": "Anna", **more}, key=key)


async def test_of_one_key_a_person_is_told_once(act_as: Login) -> None:
    anna, boris = await act_as("seller", "Anna"), await act_as("seller", "Boris")
    users = [anna.user_id or 0, boris.user_id or 0]
    system = anna.__class__(anna.db, anna.site, anna.config, anna.principal, store=anna.store)
    assert 1 == await notify(system, users, _told(key="a"))  # not of her own doing
    assert 0 == await notify(system, users, _told(key="a"))
    assert 1 == await notify(system, users, _told(key="b"))
    assert 1 == await notify(system, [users[0]], _told(key="c"))  # but when only she is asked
    assert 2 == len(await list_notifications(boris))
    assert ["Anna did it."] == [each.text for each in await list_notifications(anna)]


async def test_who_left_or_chose_otherwise_is_told_nothing(admin: Context, act_as: Login) -> None:
    boris, gone = await act_as("seller", "Boris"), await act_as("seller", "Gone")
    await admin.db.execute("UPDATE core_user SET active = false WHERE id = $1", gone.user_id)
    await save_choices(boris, {KIND: [], "no.such": ["app"]})
    assert () == (await read_choices(boris))[KIND]
    assert 0 == await notify(admin, [boris.user_id or 0, gone.user_id or 0], _told())
    await save_choices(boris, {KIND: ["app"]})
    assert 1 == await notify(admin, [boris.user_id or 0], _told())


async def test_a_title_is_not_shown_to_who_may_no_longer_read_it(
    admin: Context, act_as: Login, make: Make
) -> None:
    boris = await act_as("seller", "Boris")
    user = await make("core.user", name="Secret", role="seller")
    # People read users; the trial is an entity they cannot: none is left after it is gone.
    telling = Telling(
        kind=KIND, text="{title} waits.", values={"title": "Secret"}, entity="core.user",
        record_id=user,
    )  # fmt: skip
    await notify(admin, [boris.user_id or 0], telling)
    (shown,) = await list_notifications(boris)
    assert ("Secret waits.", f"/core.user/{user}", False) == (shown.text, shown.url, shown.hidden)
    await admin.db.execute("DELETE FROM core_user WHERE id = $1", user)
    (hidden,) = await list_notifications(boris)
    assert "Secret" not in hidden.text
    assert ("", True) == (hidden.url, hidden.hidden)


async def test_a_kind_nobody_declares_is_refused(admin: Context) -> None:
    with pytest.raises(NotFoundError, match=r"Did you mean `core\.approval`"):
        await notify(admin, [1], Telling(kind="core.approvals", text="x"))
    with pytest.raises(ValueError, match="no channel"):
        NotificationKind("a.b", "A", channels=("pigeon",))


async def test_hook_notifications(place: Place) -> None:
    place.write(
        "post",
        """
class Post(Plugin):
    def notifications(self):
        return [NotificationKind("post.letter", "Letters that came")]

    async def after_save(self, event):
        if event.entity.name == "crm.lead":
            await event.ctx.notify(
                [event.values["owner"]], "post.letter", "A letter for {who}.",
                values={"who": event.values["name"]}, entity="crm.lead",
                record_id=event.record_id, key=f"letter:{event.record_id}",
            )
""",
        'id = "post"\nname = "Post"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n',
    )
    async with place.start() as running:
        assert "Letters that came" == kinds_of(running.site)["post.letter"].label
        client = await running.client()
        me = await running.db.value("SELECT max(id) FROM core_user")
        await running.ctx.create("crm.lead", name="Anna", owner=me)
        page = (await client.get("/inbox")).text
        assert "A letter for Anna." in page
        assert '<span class="n ">1</span>' in page
        number = await running.db.value("SELECT id FROM core_notification")
        opened = await client.post(f"/inbox/{number}")
        assert "/crm.lead/1" == opened.headers["location"]
        assert "Nothing unread" in (await client.get("/inbox?show=unread")).text
        await client.post("/settings/notifications", data={"sent": "1", "digest_at": "08:00"})
        await running.ctx.create("crm.lead", name="Boris", owner=me)
        assert "Boris" not in (await client.get("/inbox")).text


async def test_the_inbox_is_read_page_by_page_and_marked(browse: Browse, admin: Context) -> None:
    page = await browse("seller")
    me = await admin.db.value("SELECT max(id) FROM core_user")
    for number in range(60):
        await notify(admin, [me], _told("Told {n}.", n=str(number)))
    first = (await page.get("/inbox")).text
    assert "Told 59." in first
    assert "Told 9." not in first
    assert '<span class="n ">60</span>' in first
    before = first.partition("?before=")[2].partition('"')[0]
    assert "Told 9." in (await page.get(f"/inbox?before={before}")).text
    await page.post("/inbox/read")
    assert "Nothing unread" in (await page.get("/inbox?show=unread")).text
    await mark_read(admin)  # the machine has none


async def test_nobody_opens_what_another_was_told(browse: Browse, admin: Context) -> None:
    await browse("seller")
    other = await admin.db.value("SELECT max(id) FROM core_user")
    await notify(admin, [other], Telling(kind=KIND, text="Private", url="/crm.person"))
    number = await admin.db.value("SELECT max(id) FROM core_notification")
    page = await browse("seller")
    assert "/inbox" == (await page.post(f"/inbox/{number}")).headers["location"]
    unread = "SELECT count(*) FROM core_notification WHERE read_at IS NULL"
    assert 1 == await admin.db.value(unread)
