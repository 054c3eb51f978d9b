"""personal_data and erase_personal_data: what plugins hold on a person, and emptying it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from crmkit.db.ddl import BASE
from crmkit.errors import HookFailedError, UnavailableError, Veto
from crmkit.records.history import list_operations
from crmkit.records.personal import erase_person, export_person

if TYPE_CHECKING:
    from crmkit.testing.sites import Place, Running

_MANIFEST = (
    'id = "trial"\nname = "Trial"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
    "personal_data = true\n"
)
_TABLE = f"""
CREATE TABLE trial_card (
{BASE},
    name text NOT NULL,
    name_key text GENERATED ALWAYS AS (lower(crm_unaccent(name))) STORED,
    points bigint,
    person bigint REFERENCES crm_person (id) ON DELETE SET NULL
);
CREATE INDEX trial_card_person_idx ON trial_card (person);

-- backwards
DROP TABLE trial_card;
"""
_HEAD = """
class Card(Record, tablename="trial_card"):
    name = Name(length=200, required=True)
    points = Number()
    person = Reference("crm_person")


class Trial(Plugin):
    def entities(self):
        return [Entity(Card, "Cards", title=Card.name, filters=[Card.person])]

    def extensions(self):
        yield Extension("crm.person", fields=[ExtField("tier", label="Tier")])
"""
_ASKED = """
    async def personal_data(self, event):
        if event.entity != "crm.person":
            return None
        rows = await event.ctx.rows(Card, Card.person == event.record_id)
        return {"cards": [{"name": row["name"], "since": row["created_at"]} for row in rows]}
"""
_ERASES = """
    async def erase_personal_data(self, event):
        for row in await event.ctx.rows(Card, Card.person == event.record_id):
            await event.ctx.save(Card, row["id"], name="Nobody")
        return ["Invoice 7, until 2034"]
"""


def _fails(hook: str, how: str) -> str:
    return f"\n    async def {hook}(self, event):\n        {how}\n"


def _trial(place: Place, *parts: str) -> None:
    place.write("trial", _HEAD + "".join(parts), _MANIFEST, m0001_first=_TABLE)


async def _person(running: Running) -> int:
    person = await running.ctx.create(
        "crm.person", name="Nina Berg", email="nina@example.com", **{"custom.trial.tier": "gold"}
    )
    await running.ctx.create("trial.card", name="Card of Nina", points=5, person=person)
    return person


async def test_hook_personal_data(place: Place) -> None:
    _trial(place, _ASKED)
    async with place.start() as running:
        person = await _person(running)
        ctx = running.ctx
        found = await export_person(ctx, ctx.site.entity("crm.person"), person)
        (card,) = found["plugins"]["trial"]["cards"]
        assert "Card of Nina" == card["name"]
        assert isinstance(card["since"], str)
        assert {"label": "Tier", "value": "gold"} == found["fields"]["custom.trial.tier"]
        (record,) = found["records"]
        assert ("trial.card", "Card of Nina") == (record["entity"], record["title"])
        lead = await ctx.create("crm.lead", name="Nina")
        other = await export_person(ctx, ctx.site.entity("crm.lead"), lead)
        assert {"crm"} == set(other["plugins"])


@pytest.mark.parametrize(
    "how", ["raise RuntimeError('boom')", "return 7", "return {'a': object()}"]
)
async def test_an_export_without_what_a_plugin_holds_is_refused(place: Place, how: str) -> None:
    _trial(place, _fails("personal_data", how))
    async with place.start() as running:
        person = await _person(running)
        plan = running.site.entity("crm.person")
        with pytest.raises(HookFailedError) as failed:
            await export_person(running.ctx, plan, person)
        assert ("trial", "personal_data") == (failed.value.plugin, failed.value.hook)


async def test_hook_erase_personal_data(place: Place) -> None:
    _trial(place, _ERASES)
    async with place.start() as running:
        person = await _person(running)
        ctx = running.ctx
        done = await erase_person(ctx, ctx.site.entity("crm.person"), person)
        assert ("Invoice 7, until 2034",) == done.kept
        (card,) = await ctx.rows("trial.card")
        assert ("Nobody", 5) == (card["name"], card["points"])
        # What a plugin saves meanwhile leaves no old value in the history.
        texts = await ctx.db.rows("SELECT before::text || after::text AS said FROM core_journal")
        assert not [row["said"] for row in texts if "Nina" in row["said"] or "gold" in row["said"]]
        assert await ctx.db.value("SELECT after ? 'points' FROM core_journal WHERE "
                                  "entity = 'trial.card' AND action = 'create'")  # fmt: skip
        newest = (await list_operations(ctx))[0]
        assert (done.operation, 3) == (newest.id, newest.records)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("raise RuntimeError('boom')", HookFailedError),
        ("raise Veto('An invoice is open.')", Veto),
        ("return 'Invoice 7'", HookFailedError),
        ("return [7]", HookFailedError),
        ("await event.ctx.db.execute('SELECT 1 / 0')", HookFailedError),
    ],
)
async def test_a_plugin_that_fails_leaves_everything_as_it_was(
    place: Place, how: str, error: type[Exception]
) -> None:
    _trial(place, _fails("erase_personal_data", how))
    async with place.start() as running:
        person = await _person(running)
        await running.ctx.create("crm.activity", subject="Called Nina", person=person)
        before = await running.digest()
        with pytest.raises(error):
            await erase_person(running.ctx, running.site.entity("crm.person"), person)
        assert before == await running.digest()


async def test_a_plugin_that_keeps_a_person_from_the_trash_keeps_everything(place: Place) -> None:
    _trial(place, _ERASES, _fails("before_delete", "raise Veto('An order is open.')"))
    async with place.start() as running:
        person = await _person(running)
        before = await running.digest()
        with pytest.raises(Veto, match="An order is open"):
            await erase_person(running.ctx, running.site.entity("crm.person"), person)
        assert before == await running.digest()


async def test_a_plugin_that_is_off_is_named_and_its_fields_go(place: Place) -> None:
    _trial(place, _ERASES)
    async with place.start() as running:
        person = await _person(running)
        await running.db.execute("UPDATE core_plugin SET state = 'disabled' WHERE id = 'trial'")
        await running.rebuild()
        ctx = running.ctx
        plan = ctx.site.entity("crm.person")
        found = await export_person(ctx, plan, person)
        assert ["trial"] == found["not_asked"]
        assert "gold" == found["fields"]["custom.trial.tier"]["value"]
        done = await erase_person(ctx, plan, person)
        assert ("What the plugin Trial holds; it is switched off",) == done.kept
        assert {} == await ctx.db.value("SELECT custom FROM crm_person WHERE id = $1", person)


@pytest.mark.parametrize("is_gone", [True, False])
async def test_a_plugin_that_does_not_load_ends_both(place: Place, *, is_gone: bool) -> None:
    _trial(place, _ERASES)
    async with place.start() as running:
        person = await _person(running)
    if is_gone:
        shutil.rmtree(place.plugins / "trial")
    else:
        (place.plugins / "trial" / "plugin.toml").write_text(_MANIFEST.replace(">=1", ">=99"))
    async with place.start() as running:
        plan = running.site.entity("crm.person")
        before = await running.digest()
        with pytest.raises(UnavailableError, match="The plugin Trial"):
            await export_person(running.ctx, plan, person)
        with pytest.raises(UnavailableError, match="The plugin Trial"):
            await erase_person(running.ctx, plan, person)
        assert before == await running.digest()
