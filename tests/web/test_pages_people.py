from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crmkit.access.passwords import hash_password
from crmkit.access.sessions import open_session

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from tests.web.conftest import Browse

PASSWORD = "correct horse battery"
OTHER = "a quite different staple"


async def test_an_invited_person_chooses_a_password_once(browse: Browse) -> None:
    admin = await browse("administrator")
    sent = {"name": "Tom Whitfield", "email": "tom@example.com", "role": "seller"}
    page = await admin.post("/settings/invite", data=sent)
    link = re.search(r'value="http://localhost(/setup/[\w-]+)"', page.text)
    assert link is not None
    tom = await browse("")
    entered = await tom.post(link[1], data={"name": "Tom Whitfield", "password": PASSWORD})
    assert 303 == entered.status_code
    tom.cookies.update(entered.cookies)
    assert "Tom Whitfield" in (await tom.get("/")).text
    again = await (await browse("")).post(link[1], data={"name": "X", "password": OTHER})
    assert 404 == again.status_code


async def test_an_invitation_without_a_mail_or_with_a_taken_one_is_refused(
    browse: Browse, db: Database
) -> None:
    admin = await browse("administrator")
    sent = {"name": "Tom", "email": "", "role": "seller"}
    assert 422 == (await admin.post("/settings/invite", data=sent)).status_code
    sent["email"] = "tom@example.com"
    assert 200 == (await admin.post("/settings/invite", data=sent)).status_code
    taken = await admin.post("/settings/invite", data={**sent, "email": "TOM@example.com"})
    assert 422 == taken.status_code
    assert 1 == await db.value("SELECT count(*) FROM core_user WHERE name = 'Tom'")


async def test_a_new_link_kills_the_old_one_and_an_unknown_name_gets_none(
    browse: Browse, db: Database
) -> None:
    admin = await browse("administrator")
    user = await db.value("INSERT INTO core_user (name) VALUES ('Tom') RETURNING id")
    links = []
    for _ in range(2):
        page = await admin.post(f"/settings/users/{user}/link")
        found = re.search(r'value="http://localhost(/setup/[\w-]+)"', page.text)
        assert found is not None
        links.append(found[1])
    assert 404 == (await admin.get(links[0])).status_code
    assert 200 == (await admin.get(links[1])).status_code
    forged = await admin.post(f"/settings/users/{user}/link", headers={"Host": "evil.example"})
    assert 421 == forged.status_code


async def test_sellers_neither_invite_nor_make_links(browse: Browse) -> None:
    seller = await browse("seller")
    for url in ("/settings/invite", "/settings/roles", "/settings/fields"):
        assert 403 == (await seller.get(url)).status_code
    assert 403 == (await seller.post("/settings/users/1/link")).status_code


async def test_changing_the_password_signs_out_everywhere_else(
    browse: Browse, db: Database
) -> None:
    client = await browse("seller")
    user = await db.value("SELECT max(id) FROM core_user")
    await db.execute(
        "UPDATE core_user SET password_hash = $2 WHERE id = $1", user, await hash_password(PASSWORD)
    )
    other = await browse("")
    other.cookies.set("crmkit", (await open_session(db, user, "10.0.0.9", "phone")).token)
    assert 200 == (await other.get("/settings/account")).status_code
    wrong = await client.post("/settings/password", data={"old": "x", "password": OTHER})
    assert 422 == wrong.status_code
    weak = await client.post("/settings/password", data={"old": PASSWORD, "password": "short"})
    assert 422 == weak.status_code
    done = await client.post("/settings/password", data={"old": PASSWORD, "password": OTHER})
    assert 303 == done.status_code
    assert 200 == (await client.get("/settings/account")).status_code
    assert 303 == (await other.get("/settings/account")).status_code


async def test_a_session_elsewhere_can_be_ended(browse: Browse, db: Database) -> None:
    client = await browse("seller")
    user = await db.value("SELECT max(id) FROM core_user")
    other = await browse("")
    other.cookies.set("crmkit", (await open_session(db, user, "10.0.0.9", "my phone")).token)
    page = await client.get("/settings/sessions")
    assert "my phone" in page.text
    end = re.search(r'action="(/settings/sessions/[0-9a-f]{64}/end)"', page.text)
    assert end is not None
    stranger = await browse("seller")
    await stranger.post(end[1])
    assert 200 == (await other.get("/settings/account")).status_code
    await client.post(end[1])
    assert 303 == (await other.get("/settings/account")).status_code


async def test_a_new_field_is_in_form_list_and_filter_at_once(browse: Browse) -> None:
    admin = await browse("administrator")
    sent = {"entity": "crm.company", "label": "Отрасль", "kind": "choice", "choices": "Steel\nWood"}
    assert 303 == (await admin.post("/settings/fields/new", data=sent)).status_code
    again = await admin.post("/settings/fields/new", data=sent)
    assert 303 == again.status_code
    form = (await admin.get("/crm.company/new")).text
    assert 'name="custom.user.field"' in form
    assert 'name="custom.user.field_2"' in form
    made = await admin.post("/crm.company/new", data={"name": "Kan", "custom.user.field": "Wood"})
    assert 303 == made.status_code
    found = await admin.get("/crm.company?f=custom.user.field:is:Wood")
    assert "Kan" in found.text
    assert "Kan" not in (await admin.get("/crm.company?f=custom.user.field:is:Steel")).text


async def test_a_field_without_name_kind_or_choices_is_refused(browse: Browse) -> None:
    admin = await browse("administrator")
    for wrong in (
        {"label": "", "kind": "text"},
        {"label": "X", "kind": "banana"},
        {"label": "X", "kind": "choice", "choices": " \n"},
    ):
        sent = {"entity": "crm.company", **wrong}
        assert 422 == (await admin.post("/settings/fields/new", data=sent)).status_code


async def test_roles_are_shown_as_they_hold(browse: Browse) -> None:
    admin = await browse("administrator")
    page = (await admin.get("/settings/roles?role=read-only")).text
    assert "config/roles.toml" in page
    assert ">all<" in page
    assert ">of the team<" not in page


async def test_the_page_of_a_person_says_what_is_to_be_handed_over(
    browse: Browse, db: Database
) -> None:
    admin = await browse("administrator")
    user = await db.value("INSERT INTO core_user (name) VALUES ('Tom') RETURNING id")
    page = f"/core.user/{user}"
    assert "Held by this person" not in (await admin.get(page)).text
    await db.execute("INSERT INTO crm_lead (name, state, owner) VALUES ('Pat', 'new', $1)", user)
    shown = (await admin.get(page)).text
    assert "Held by this person" in shown
    assert "still holds" not in shown
    assert "Holds: Leads 1." in (await admin.get(f"{page}/edit")).text
    await db.execute("UPDATE core_user SET active = false WHERE id = $1", user)
    shown = (await admin.get(page)).text
    assert "may no longer sign in and still holds: Leads 1." in shown
    assert re.search(r"btn btn-primary[^>]*>[^<]*(<svg.*?</svg>)?Hand over", shown)
    seller = await browse("seller")
    assert "Held by this person" not in (await seller.get(page)).text
