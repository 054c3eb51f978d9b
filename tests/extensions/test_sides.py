"""A table of a plugin beside the records of another: one group of fields, one more statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.cli.inspecting import _backwards
from crmkit.crm.tables import Company
from crmkit.db.ddl import create_table_sql
from crmkit.db.schema import compare_schema
from crmkit.model.columns import Line, Number, Reference
from crmkit.model.record import Record
from crmkit.plugin.explain import Origin, explain_site
from crmkit.records.plugins.impact import impact_of
from crmkit.records.plugins.purge import purge_plugin
from crmkit.records.plugins.switch import disable_plugin, enable_plugin
from crmkit.testing.checks import pages, schema
from crmkit.testing.checks.trial import Trial

if TYPE_CHECKING:
    import httpx

    from crmkit.testing.sites import Place, Running

_HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
_TABLE = """
from crmkit.model.columns import Line
from crmkit.crm import Company


class Credit(Record, tablename="trial_credit"):
    for_company = Reference(Company, on_delete="cascade", {reference})
    rating = Line(length=20)
    days = Number()
"""
_PLUGIN = """
class Trial(Plugin):
    def entities(self):
        yield Entity(
            Credit, "Credits", singular="Credit", title=Credit.rating, filters=[Credit.for_company]
        )

    def extensions(self):
        yield Extension("crm.company", sides=[{sides}])
"""
_DECLARED = "unique=True, required=True"
_SIDE = 'Side(Credit, "Credit standing")'
_CODE = _TABLE.format(reference=_DECLARED) + _PLUGIN.format(sides=_SIDE)


class Credit(Record, tablename="trial_credit"):
    """The table of the plugin, for its migration."""

    for_company = Reference(Company, on_delete="cascade", unique=True, required=True)
    rating = Line(length=20)
    days = Number()


_MIGRATION = f"{create_table_sql(Credit)}-- backwards\nDROP TABLE trial_credit;\n"


@pytest.fixture
def trial(place: Place) -> Place:
    place.write("trial", _CODE, m0001_credit=_MIGRATION)
    return place


async def _started(running: Running) -> int:
    """Switch the plugin on and answer a company."""
    await enable_plugin(running.ctx, "trial", running.dsn)
    await running.rebuild()
    assert "enabled" == running.site.plugins["trial"].state, running.site.plugins["trial"].reason
    return await running.ctx.create("crm.company", name="Kan-code")


async def _page(client: httpx.AsyncClient, company: int) -> str:
    answer = await client.get(f"/crm.company/{company}")
    assert 200 == answer.status_code
    return answer.text


async def test_a_side_is_a_group_of_fields_and_can_be_added(trial: Place) -> None:
    async with trial.start() as running:
        company = await _started(running)
        client = await running.client()
        add = f"/trial.credit/new?for_company={company}"
        page = await _page(client, company)
        assert f'href="{add}"' in page
        assert "Credit standing" in page
        form = (await client.get(add)).text
        assert "Kan-code" in form
        sent = {"for_company": str(company), "rating": "AA", "days": "30"}
        assert 303 == (await client.post("/trial.credit/new", data=sent)).status_code
        page = await _page(client, company)
        assert f'href="{add}"' not in page
        assert 'data-record="trial.credit/1"' in page
        assert "/trial.credit/1/field/rating/edit" in page
        assert "/trial.credit/1/field/for_company" not in page
        assert "/trial.credit/1/field/owner" not in page
        # It is no related list besides, though one filters by the reference.
        assert 'href="/trial.credit?f=' not in page


async def test_a_field_is_edited_in_place_and_the_journal_is_the_side_records(trial: Place) -> None:
    async with trial.start() as running:
        company = await _started(running)
        credit = await running.ctx.create("trial.credit", for_company=company, rating="AA")
        client = await running.client()
        url = f"/trial.credit/{credit}/field/rating"
        editor = (await client.get(f"{url}/edit", headers=_HTMX)).text
        assert f'action="{url}"' in editor
        saved = await client.post(url, data={"rating": "B", "version": "1"}, headers=_HTMX)
        assert 200 == saved.status_code
        assert 'data-version="2"' in saved.text
        assert "B" == (await running.ctx.get("trial.credit", credit))["rating"]
        last = await running.db.value(
            "SELECT entity || ' ' || record FROM core_journal ORDER BY id DESC LIMIT 1"
        )
        assert f"trial.credit {credit}" == last
        assert 1 == (await running.ctx.get("crm.company", company))["version"]


async def test_a_side_costs_a_page_one_statement(trial: Place) -> None:
    async with trial.start() as running:
        company = await _started(running)
        credit = await running.ctx.create("trial.credit", for_company=company, rating="AA")
        sent = await _statements(trial, running, company)
        asked = [each for each in sent if "trial_credit" in each]
        assert 1 == len(asked)
        await running.ctx.trash("trial.credit", credit)
        assert len(sent) == len(await _statements(trial, running, company))
        await disable_plugin(running.ctx, "trial")
        await running.rebuild()
        assert len(sent) - 1 == len(await _statements(trial, running, company))


async def _statements(trial: Place, running: Running, company: int) -> list[str]:
    client = await running.client()
    await _page(client, company)
    with Trial(trial, running, "trial").counting() as sent:
        await _page(client, company)
    return sent


async def test_a_second_side_record_is_refused_beside_the_field(trial: Place) -> None:
    async with trial.start() as running:
        company = await _started(running)
        credit = await running.ctx.create("trial.credit", for_company=company, rating="AA")
        client = await running.client()
        sent = {"for_company": str(company), "rating": "B"}
        answer = await client.post("/trial.credit/new", data=sent)
        assert 422 == answer.status_code
        beside = answer.text.partition('id="f-for_company-d"')[2].partition("</div>")[0]
        assert "is taken; choose another" in beside
        answer = await client.post("/api/v1/trial.credit", json={**sent, "for_company": company})
        assert "is taken; choose another" in answer.text
        assert "for_company" in answer.text
        # In the trash it still stands there: one is led to it instead of to a refusal.
        await running.ctx.trash("trial.credit", credit)
        page = await _page(client, company)
        assert "In the trash" in page
        assert f'href="/trial.credit/{credit}"' in page
        assert "/trial.credit/new?" not in page
        assert "field/rating" not in page


async def test_who_may_not_read_it_sees_nothing(trial: Place) -> None:
    (trial.folder / "config").mkdir()
    (trial.folder / "config" / "roles.toml").write_text(
        '[administrator]\nlabel = "A"\n'
        'rights."*" = { read = "all", create = "all", edit = "all", admin = "all" }\n'
        '[stranger]\nlabel = "S"\nrights."crm.*" = { read = "all" }\n'
        '[reader]\nlabel = "R"\nrights."*" = { read = "all" }\n'
        '[owner]\nlabel = "O"\nrights."*" = { read = "all" }\n'
        'rights."trial.*" = { read = "own", create = "own" }\n'
    )
    async with trial.start() as running:
        company = await _started(running)
        stranger = await running.client("stranger")
        reader = await running.client("reader")
        owner = await running.client("owner")
        assert "Credit standing" not in await _page(stranger, company)
        assert "Credit standing" not in await _page(reader, company)
        assert "/trial.credit/new" in await _page(owner, company)
        await running.ctx.create("trial.credit", for_company=company, rating="AA")
        assert "Credit standing" not in await _page(stranger, company)
        assert "Credit standing" not in await _page(owner, company)
        page = await _page(reader, company)
        assert "Credit standing" in page
        assert "field/rating/edit" not in page


async def test_a_side_may_ask_for_more_than_reading(place: Place) -> None:
    sides = 'Side(Credit, "Credit standing", permission="edit")'
    code = _TABLE.format(reference=_DECLARED) + _PLUGIN.format(sides=sides)
    place.write("trial", code, m0001_credit=_MIGRATION)
    async with place.start() as running:
        company = await _started(running)
        await running.ctx.create("trial.credit", for_company=company, rating="AA")
        assert "Credit standing" not in await _page(await running.client("read-only"), company)
        assert "Credit standing" in await _page(await running.client(), company)


async def test_off_keeps_the_rows_and_a_purge_takes_them(trial: Place) -> None:
    async with trial.start() as running:
        before = await running.schema()
        company = await _started(running)
        await running.ctx.create("trial.credit", for_company=company, rating="AA")
        rows = await running.digest("trial_credit")
        await disable_plugin(running.ctx, "trial")
        await running.rebuild()
        assert "Credit standing" not in await _page(await running.client(), company)
        assert rows == await running.digest("trial_credit")
        await enable_plugin(running.ctx, "trial", running.dsn)
        await running.rebuild()
        assert "trial.credit/1" in await _page(await running.client(), company)
        await disable_plugin(running.ctx, "trial")
        await running.rebuild()
        await purge_plugin(running.ctx, "trial", running.dsn)
        assert before == await running.schema()


async def test_nothing_beside_a_record_in_the_trash_is_edited(trial: Place) -> None:
    async with trial.start() as running:
        company = await _started(running)
        client = await running.client()
        await running.ctx.trash("crm.company", company)
        assert "Credit standing" not in await _page(client, company)
        other = await running.ctx.create("crm.company", name="Zoomlounge")
        await running.ctx.create("trial.credit", for_company=other, rating="AA")
        await running.ctx.trash("crm.company", other)
        page = await _page(client, other)
        assert "Credit standing" in page
        assert "field/rating/edit" not in page


@pytest.mark.parametrize(
    ("reference", "sides", "told"),
    [
        ("required=True", _SIDE, "no reference to it that is unique and required. Declare one as"),
        ("unique=True", _SIDE, "and run `crmkit makemigrations trial`."),
        (_DECLARED, 'Side(Company, "Company")', "Yield an Entity of it from `entities()`"),
        (_DECLARED, 'Side("trial_credit", "C")', "Yield an Entity of it from `entities()`"),
        (_DECLARED, f"{_SIDE}, {_SIDE}", "`trial.credit` stands twice"),
    ],
)
async def test_a_wrong_declaration_names_place_and_remedy(
    place: Place, reference: str, sides: str, told: str
) -> None:
    manifest = 'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
    code = _TABLE.format(reference=reference) + _PLUGIN.format(sides=sides)
    place.write("trial", code, manifest, m0001_credit=_MIGRATION)
    async with place.start() as running:
        info = running.site.plugins["trial"]
        assert "failed" == info.state
        assert told in info.reason
        assert "Plugin `trial`: sides of `crm.company`" in info.reason


async def test_a_side_is_explained_and_counted_in_what_changes(trial: Place) -> None:
    async with trial.start() as running:
        impact = await impact_of(running.ctx, "trial", "enabled")
        assert ["Company: side Credit standing"] == [str(each) for each in impact.additions]
        await _started(running)
        found = Origin("side", "crm.company", "trial.credit", "Credit standing", "trial")
        assert found in explain_site(running.site)
        client = await running.client()
        page = (await client.get("/settings/plugins?show=trial&to=disabled")).text
        assert "Company: group of fields Credit standing" in page
        assert "Group of fields" in (await client.get("/settings/explain?q=Credit")).text


async def test_samples_of_a_side_each_have_a_record_of_their_own(trial: Place) -> None:
    async with trial.start() as running:
        await _started(running)
        tried = Trial(trial, running, "trial")
        assert [] == [each async for each in pages.make_samples(tried)]
        assert [] == [each async for each in pages.statements_do_not_grow(tried)]
        assert [] == [each async for each in schema.tables_equal_migrations(tried)]


async def test_uniqueness_is_compared_with_the_database(trial: Place) -> None:
    async with trial.start() as running:
        await _started(running)
        plain = "CREATE INDEX trial_credit_for_company_idx ON trial_credit (for_company);"
        await running.db.execute(f"DROP INDEX trial_credit_for_company_key; {plain}")
        (found,) = await compare_schema(running.db, [Credit])
        assert "`for_company` is not unique in the database" == found.text
        assert f"{plain}\n" in _backwards(found.sql)
        for statement in found.sql.splitlines():
            await running.db.execute(statement)
        assert [] == await compare_schema(running.db, [Credit])
        assert not await running.db.value("SELECT to_regclass('trial_credit_for_company_idx')")
        await running.db.execute("CREATE UNIQUE INDEX x ON trial_credit (owner)")
        (found,) = await compare_schema(running.db, [Credit])
        assert "`owner` is unique in the database and not in the declaration" == found.text
        assert not found.sql
