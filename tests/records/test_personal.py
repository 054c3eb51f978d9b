"""A person is exported whole and erased whole: a mark in every text is found, then nowhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from crmkit.errors import ConflictError, ForbiddenError, NotFoundError
from crmkit.records.history import list_operations, undo_operation
from crmkit.records.idempotency import Call, Outcome, answer_once
from crmkit.records.merge import merge_records
from crmkit.records.merged import find_kept
from crmkit.records.personal import erase_person, export_person
from crmkit.records.search import search_records
from tests.sites import crmkit, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import httpx

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.testing.sites import Place

    Make = Callable[..., Awaitable[int]]
    Login = Callable[..., Awaitable[Context]]
    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]

_MARK = "Zyxwvut"
_MANIFEST = (
    'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
    "personal_data = true\n"
)
_TABLE = """
CREATE TABLE trial_note (person bigint NOT NULL, said text NOT NULL, tax text NOT NULL);

-- backwards
DROP TABLE trial_note;
"""
_CODE = """
class Trial(Plugin):
    def extensions(self):
        yield Extension("crm.person", fields=[ExtField("tier", label="Tier")])

    async def personal_data(self, event):
        if event.entity == "crm.person":
            rows = await event.ctx.db.rows("SELECT said, tax FROM trial_note WHERE person = $1",
                                           event.record_id)
            return {"notes": [dict(row) for row in rows]}

    async def erase_personal_data(self, event):
        await event.ctx.db.execute("UPDATE trial_note SET said = '' WHERE person = $1",
                                   event.record_id)
        return ["Tax number, for ten years"]
"""


async def _where(db: Database, mark: str) -> set[str]:
    """Answer every column of every table that holds the mark."""
    columns = await db.rows(
        "SELECT c.table_name, c.column_name FROM information_schema.columns c "
        "JOIN information_schema.tables t USING (table_schema, table_name) "
        "WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' "
        "AND c.data_type IN ('text', 'character varying', 'jsonb', 'json', 'ARRAY', 'tsvector', "
        "'bytea', 'USER-DEFINED')"
    )
    assert len(columns) > 50
    found = set()
    for table, column in [tuple(row) for row in columns]:
        if await db.value(
            f'SELECT EXISTS (SELECT 1 FROM "{table}" '
            f'WHERE strpos(lower("{column}"::text), $1) > 0)',
            mark.lower(),
        ):
            found.add(f"{table}.{column}")
    return found


def _texts(ctx: Context, entity: str, **more: object) -> dict[str, Any]:
    """Answer a mark for every text a record of an entity has."""
    plan = ctx.site.entity(entity)
    state = plan.lifecycle.column if plan.lifecycle else ""
    names = [
        name
        for name, field in plan.fields.items()
        if field.kind in {"text", "textarea", "email", "phone", "url"} and name != state
    ]
    assert len(names) > 2
    return {name: f"{_MARK} {name}" for name in names} | more


async def test_the_mark_is_everywhere_and_then_only_where_it_is_kept(place: Place) -> None:
    place.write("trial", _CODE, _MANIFEST, m0001_first=_TABLE)
    async with place.start() as running:
        await running.db.execute(
            "INSERT INTO core_custom_field (entity, name, label, kind) VALUES "
            "('crm.person', 'nick', 'Nickname', 'text'), ('crm.lead', 'nick', 'Nickname', 'text'), "
            "('crm.activity', 'place', 'Place', 'text')"
        )
        await running.rebuild()
        ctx = running.ctx
        person = await ctx.create("crm.person", **_texts(ctx, "crm.person"))
        title = f"{_MARK} name"
        lead = await ctx.create("crm.lead", **_texts(ctx, "crm.lead", person=person))
        deal = await ctx.create("crm.opportunity", name=title, notes="Screws", person=person)
        calls = [
            await ctx.create("crm.activity", **_texts(ctx, "crm.activity", **about))
            for about in ({"person": person}, {"lead": lead}, {"person": person})
        ]
        # Old values, the trash, keys of other systems and kept answers hold it as well.
        await ctx.save("crm.person", person, notes=f"{_MARK} again")
        await ctx.save("crm.activity", calls[0], body=f"{_MARK} again")
        await ctx.trash("crm.activity", calls[2])
        for entity, record in (("crm.person", person), ("crm.lead", lead)):
            await ctx.db.execute(
                "INSERT INTO core_external (source, key, entity, record) "
                "VALUES ('old', $1, $2, $3)",
                f"{_MARK}-7", entity, record,
            )  # fmt: skip
        await ctx.db.execute(
            "INSERT INTO trial_note VALUES ($1, $2, $2)", person, f"{_MARK} of the plugin"
        )
        call = Call("7", "k", "POST /api/v1/crm.person", "d")
        body = json.dumps({"id": person, "name": title})

        async def work() -> Outcome:
            return Outcome(201, body)

        await answer_once(ctx, call, work, lambda _error: None)
        plan = ctx.site.entity("crm.person")
        held = await _where(running.db, _MARK)
        assert {
            "crm_person.email", "crm_person.custom", "crm_activity.subject", "crm_activity.custom",
            "crm_lead.phone", "core_journal.before", "core_journal.after", "core_search.title",
            "core_external.key", "core_idempotency.answer", "trial_note.said", "trial_note.tax",
        } <= held  # fmt: skip

        found = await export_person(ctx, plan, person)

        for name in _texts(ctx, "crm.person"):
            assert _MARK in found["fields"][name]["value"], name
        assert [{"source": "old", "key": f"{_MARK}-7"}] == found["keys"]
        assert ["update", "create"] == [change["action"] for change in found["changes"]]
        assert _MARK in found["changes"][0]["after"]["notes"]["value"]
        about = {(each["entity"], each["id"]): each for each in found["records"]}
        assert {("crm.lead", lead), ("crm.opportunity", deal), ("crm.activity", calls[0]),
                ("crm.activity", calls[2])} == set(about)  # fmt: skip
        for name in _texts(ctx, "crm.activity"):
            assert _MARK in about["crm.activity", calls[2]]["fields"][name]["value"], name
        own = found["plugins"]["crm"]
        assert calls == [each["id"] for each in own["activities"]]
        assert [lead] == [each["id"] for each in own["leads"]]
        assert f"{_MARK} of the plugin" == found["plugins"]["trial"]["notes"][0]["said"]
        json.dumps(found)

        done = await erase_person(ctx, plan, person)

        assert ("Tax number, for ten years",) == done.kept
        assert {"trial_note.tax"} == await _where(running.db, _MARK)
        stored = await ctx.get("crm.person", person)
        assert f"Erased person {person}" == stored["name"]
        assert stored["trashed_at"] is not None
        sold = await ctx.get("crm.opportunity", deal)
        assert (f"Erased person {person}", "Screws") == (sold["name"], sold["notes"])
        assert [] == await search_records(ctx, _MARK)


async def test_only_texts_of_activities_go(admin: Context, make: Make) -> None:
    person = await make("crm.person", name="Nina")
    now = admin.now()
    call = await make("crm.activity", subject="Called Nina", kind="call", person=person,
                      due_at=now, minutes=5)  # fmt: skip
    await admin.save("crm.activity", call, minutes=7, outcome="Nina agrees")
    await erase_person(admin, admin.site.entity("crm.person"), person)
    kept = await admin.get("crm.activity", call)
    assert ("Erased", "call", now, 7) == tuple(
        kept[name] for name in ("subject", "kind", "due_at", "minutes")
    )
    assert {"minutes": 5} == await admin.db.value(
        "SELECT before FROM core_journal WHERE entity = 'crm.activity' AND record = $1 "
        "AND action = 'update' AND cause <> 'erase'",
        call,
    )


async def test_an_erasure_cannot_be_undone_nor_what_was_before(admin: Context, make: Make) -> None:
    plan = admin.site.entity("crm.person")
    person = await make("crm.person", name="Nina", city="Oslo")
    await admin.save("crm.person", person, city="Bergen")
    earlier = [each.id for each in await list_operations(admin)]
    done = await erase_person(admin, plan, person)
    newest = (await list_operations(admin))[0]
    assert (done.operation, "erase", False) == (newest.id, newest.kind, newest.can_undo)
    with pytest.raises(ConflictError, match="cannot come back"):
        await undo_operation(admin, done.operation)
    for operation in earlier:
        await undo_operation(admin, operation)
    stored = await admin.get("crm.person", person)
    assert (f"Erased person {person}", "") == (stored["name"], stored["city"])


async def test_who_lies_in_the_trash_is_erased_as_well(admin: Context, make: Make) -> None:
    person = await make("crm.person", name="Nina", phone="+47 22 22 22 22")
    await admin.trash("crm.person", person)
    done = await erase_person(admin, admin.site.entity("crm.person"), person)
    assert "" == (await admin.get("crm.person", person))["phone"]
    assert done.operation == (await list_operations(admin))[0].id


async def test_a_lead_is_erased_and_names_the_person_it_became(admin: Context, make: Make) -> None:
    person = await make("crm.person", name="Nina", email="nina@example.com")
    lead = await make("crm.lead", name="Nina", email="nina@example.com", person=person)
    call = await make("crm.activity", subject="Called Nina", lead=lead)
    done = await erase_person(admin, admin.site.entity("crm.lead"), lead)
    assert 1 == len(done.kept)
    assert f"Person {person}" in done.kept[0]
    stored = await admin.get("crm.lead", lead)
    assert (f"Erased person {lead}", "", "new") == (
        stored["name"],
        stored["email"],
        stored["state"],
    )
    assert "Erased" == (await admin.get("crm.activity", call))["subject"]
    assert "Nina" == (await admin.get("crm.person", person))["name"]


async def test_it_is_for_administrators_and_for_people(
    admin: Context, make: Make, act_as: Login
) -> None:
    person, company = await make("crm.person", name="Nina"), await make("crm.company", name="Acme")
    plan = admin.site.entity("crm.person")
    for role in ("seller", "manager", "read-only"):
        ctx = await act_as(role, name=role)
        with pytest.raises(ForbiddenError):
            await export_person(ctx, plan, person)
        with pytest.raises(ForbiddenError):
            await erase_person(ctx, plan, person)
    companies = admin.site.entity("crm.company")
    with pytest.raises(NotFoundError):
        await erase_person(admin, companies, company)
    with pytest.raises(NotFoundError):
        await export_person(admin, plan, person + 999)
    assert "Nina" == (await admin.get("crm.person", person))["name"]


async def test_the_pages_export_and_erase(make: Make, browse: Browse, admin: Context) -> None:
    person, company = await make("crm.person", name="Nina"), await make("crm.company", name="Acme")
    url = f"/crm.person/{person}"
    boss = await browse("administrator")
    page = (await boss.get(url)).text
    assert f"{url}/personal" in page
    assert f"{url}/erase" in page
    assert "/personal" not in (await boss.get(f"/crm.company/{company}")).text
    file = await boss.get(f"{url}/personal")
    assert 200 == file.status_code
    assert "attachment" in file.headers["content-disposition"]
    assert "Nina" == file.json()["title"]
    wrong = await boss.post(f"{url}/erase", data={"confirmation": str(person + 1)})
    assert 422 == wrong.status_code
    assert "is not the number of this record" in wrong.text
    assert "Nina" == (await admin.get("crm.person", person))["name"]
    done = await boss.post(f"{url}/erase", data={"confirmation": str(person)})
    assert (303, url) == (done.status_code, done.headers["location"])
    page = (await boss.get(url)).text
    assert f"Erased person {person}" in page
    assert "erased personal data" in page
    assert "Nina" not in page
    history = (await boss.get("/history")).text
    operation = (await list_operations(admin))[0].id
    assert "erased personal data" in history
    assert f"/history/{operation}/undo" not in history
    assert 409 == (await boss.post(f"/history/{operation}/undo")).status_code
    assert 404 == (await boss.get(f"/crm.company/{company}/personal")).status_code
    assert 404 == (await boss.post(f"/crm.company/{company}/erase")).status_code


async def test_the_page_lists_what_is_kept(make: Make, browse: Browse) -> None:
    person = await make("crm.person", name="Nina")
    lead = await make("crm.lead", name="Nina", person=person)
    boss = await browse("administrator")
    done = await boss.post(f"/crm.lead/{lead}/erase", data={"confirmation": str(lead)})
    assert 200 == done.status_code
    assert f"Person {person}, whom this lead became" in done.text


async def test_a_seller_gets_403(make: Make, browse: Browse, admin: Context) -> None:
    person = await make("crm.person", name="Nina")
    seller = await browse("seller")
    page = (await seller.get(f"/crm.person/{person}")).text
    assert "Nina" in page
    assert "/personal" not in page
    assert 403 == (await seller.get(f"/crm.person/{person}/personal")).status_code
    answer = await seller.post(f"/crm.person/{person}/erase", data={"confirmation": str(person)})
    assert 403 == answer.status_code
    assert "Nina" == (await admin.get("crm.person", person))["name"]


def test_the_command_exports_and_asks_before_it_erases(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("name,city\nNina,Oslo\n")
    crmkit(tmp_path, "import", "crm.person", str(file), "--map", "name=name", "--map", "city=city")
    found = json.loads(crmkit(tmp_path, "gdpr", "export", "crm.person", "1"))
    assert {"label": "Full name", "value": "Nina"} == found["fields"]["name"]
    refused = run(tmp_path, "gdpr", "erase", "crm.person", "1", text="2\n")
    assert (1, True) == (refused.returncode, "Nothing was erased" in refused.stderr)
    assert "Nina" in crmkit(tmp_path, "gdpr", "export", "crm.person", "1")
    assert "Erased." in crmkit(tmp_path, "gdpr", "erase", "crm.person", "1", text="1\n")
    assert "Erased." in crmkit(tmp_path, "gdpr", "erase", "crm.person", "1", "--yes")
    left = crmkit(tmp_path, "gdpr", "export", "crm.person", "1")
    assert "Erased person 1" in left
    assert "Oslo" not in left
    unknown = run(tmp_path, "gdpr", "erase", "crm.person", "9", "--yes")
    assert (1, True) == (unknown.returncode, "does not exist" in unknown.stderr)


async def test_what_was_merged_into_a_person_is_erased_with_it(place: Place) -> None:
    async with place.start() as running:
        ctx = running.ctx
        plan = ctx.site.entity("crm.person")
        kept = await ctx.create("crm.person", name="Nina")
        gone = await ctx.create("crm.person", name="Zyxmarker", notes="zyxmarker wrote this")
        operation = await merge_records(ctx, plan, kept, gone)
        await erase_person(ctx, plan, kept)
        for table in await running.tables():
            held = await running.db.value(
                f"SELECT count(*) FROM \"{table}\" t WHERE t::text ILIKE '%zyxmarker%'"
            )
            assert 0 == held, table
        # Its address still leads somewhere, and the merge can still be looked at.
        assert kept == await find_kept(ctx, plan, gone)
        boss = await running.client()
        assert 200 == (await boss.get(f"/crm.person/{kept}")).status_code
        answer = await boss.post(f"/history/{operation}/undo")
        assert answer.status_code in {303, 404, 409}
