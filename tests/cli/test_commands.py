"""Every command as people run it: exit code 0 done, 1 refused with one sentence, 2 wrong usage."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

import pytest

from crmkit.cli.opening import open_site
from crmkit.work.hooks import add_hook
from crmkit.work.webhooks import add_webhook
from tests.sites import EMAIL, add_administrator, crmkit, run

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with an administrator and two companies."""
    folder = tmp_path_factory.mktemp("site")
    add_administrator(folder)
    file = folder / "companies.csv"
    file.write_text("name,sector,office\nKan-code,software,Berlin\nAcme,retail,\n")
    crmkit(folder, "import", "crm.company", str(file), "--map", "name=name", "--map",
           "sector=sector", "--key", "name")  # fmt: skip
    return folder


def _refused(done: subprocess.CompletedProcess[str], told: str) -> None:
    assert 1 == done.returncode
    assert re.search(told, done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_init_is_done_once(site: Path) -> None:
    (site / "crmkit.toml").unlink(missing_ok=True)
    assert "is ready" in crmkit(site, "init")
    assert "was there already" in crmkit(site, "init")
    assert (site / "crmkit.toml").exists()


def test_migrate_says_what_it_would_do(site: Path, tmp_path: Path) -> None:
    assert "Nothing to do" in crmkit(site, "migrate")
    assert [] == json.loads(crmkit(site, "migrate", "--plan", "--json"))
    planned = json.loads(crmkit(tmp_path, "migrate", "--plan", "--json"))
    assert "core 0001_initial" == planned[0]
    assert planned == json.loads(crmkit(tmp_path, "migrate", "--json"))


def test_an_import_can_be_tried_and_repeated(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text("id,firm,founded\n7,Labdrill,1999\n8,Sumace,soon\n")
    words = ("import", "crm.company", str(file), "--map", "firm=name", "--map", "founded=founded",
             "--external", "id", "--constant", "sector=tools", "--json")  # fmt: skip
    tried = json.loads(crmkit(site, *words, "--dry-run"))
    assert (1, 1) == (tried["created"], len(tried["refused"]))
    assert "Labdrill" not in crmkit(site, "export", "crm.company")
    first, second = (json.loads(crmkit(site, *words)) for _ in range(2))
    assert (1, 0) == (first["created"], second["created"])
    assert 1 == second["unchanged"]
    assert 3 == first["refused"][0]["line"]
    assert "tools" in crmkit(site, "export", "crm.company", "--machine")


def test_an_import_says_what_it_leaves_out_and_knows_its_rows_again(
    site: Path, tmp_path: Path
) -> None:
    file = tmp_path / "firms.csv"
    file.write_text("Name,Year established,Mood\nOctopart,1987,blue\nZimtex,1990,-\n")
    done = run(site, "import", "crm.company", str(file))
    assert (0, "2 created" in done.stdout) == (done.returncode, True)
    assert "Mood: no field has this name; name one: --map Mood=FIELD" in done.stderr
    again = json.loads(crmkit(site, "import", "crm.company", str(file), "--json"))
    assert (0, 2, ["Mood"]) == (again["created"], again["unchanged"], again["unused"])
    assert "1987" in crmkit(site, "export", "crm.company", "--machine")


def test_an_import_that_cannot_be_is_refused_with_its_place(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("firm\nKan\n")
    _refused(run(site, "import", "crm.nothing", str(file)), "no entity `crm.nothing`")
    _refused(run(site, "import", "crm.company"), "Name the entity and the file")
    _refused(run(site, "import", "crm.company", str(file), "--map", "firm"), "name=value")
    _refused(run(site, "import", "crm.company", str(file), "--map", "none=name"), "none")
    assert 2 == run(site, "import", "crm.company", str(tmp_path / "gone.csv")).returncode
    assert 2 == run(site, "import", "--banana").returncode


def test_a_recipe_is_tried_as_a_whole(site: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name\nRecipe one\n")
    recipe = tmp_path / "recipe.toml"
    step = (
        '[[imports]]\nentity = "crm.company"\nfile = "{}"\n'
        'plan = {{ map = {{ name = "name" }}, key = "name" }}\n'
    )
    recipe.write_text(step.format("a.csv"))
    crmkit(site, "import", str(tmp_path), "--recipe", str(recipe), "--dry-run")
    assert "Recipe one" not in crmkit(site, "export", "crm.company")
    recipe.write_text(step.format("a.csv") + step.format("gone.csv"))
    _refused(run(site, "import", str(tmp_path), "--recipe", str(recipe)), r"gone\.csv")
    assert "Recipe one" not in crmkit(site, "export", "crm.company")
    recipe.write_text('[[imports]]\nentitty = "crm.company"\n')
    _refused(run(site, "import", str(tmp_path), "--recipe", str(recipe)), "entitty")


def test_people_are_made_invited_and_switched_off(site: Path) -> None:
    link = crmkit(site, "user", "invite", "tom@example.com", "--name", "Tom")
    assert re.search(r"^http://127\.0\.0\.1:8000/setup/[\w-]{40,}$", link.strip())
    assert "/setup/" in crmkit(site, "user", "password", "tom@example.com", "--link")
    words = "a quite different staple"
    crmkit(site, "user", "password", "tom@example.com", text=f"{words}\n{words}\n")
    _refused(run(site, "user", "password", "tom@example.com", text="short\nshort\n"), "12 or more")
    assert "no longer" in crmkit(site, "user", "disable", "tom@example.com")
    assert "may sign in" in crmkit(site, "user", "enable", "tom@example.com")
    _refused(run(site, "user", "disable", EMAIL), "last administrator")
    _refused(
        run(site, "user", "disable", "tom@example.com", "--hand-over-to", "tom@example.com"),
        "Name another one",
    )
    told = crmkit(site, "user", "disable", "tom@example.com", "--hand-over-to", EMAIL)
    assert "no longer" in told
    crmkit(site, "user", "enable", "tom@example.com")
    _refused(run(site, "user", "disable", "nobody@example.com"), "Nobody signs in as")
    _refused(
        run(site, "user", "invite", "x@example.com", "--name", "X", "--role", "king"),
        "role: is none",
    )
    _refused(run(site, "user", "invite", "TOM@example.com", "--name", "Tom"), "mail")


def test_a_site_shows_what_it_is_made_of(site: Path) -> None:
    routes = json.loads(crmkit(site, "routes", "--json"))
    assert {"method": "GET", "path": "/{entity:str}", "policy": "entity.read"} in routes
    policies = json.loads(crmkit(site, "policies", "--json"))
    seller = next(p for p in policies if (p["entity"], p["role"]) == ("crm.lead", "seller"))
    assert ("team", "own", "none") == (seller["read"], seller["edit"], seller["export"])
    plugins = json.loads(crmkit(site, "plugin", "list", "--json"))
    assert [("crm", "enabled"), ("orders", "available")] == [
        (each["id"], each["state"]) for each in plugins
    ]
    assert "entity.read" in crmkit(site, "routes")


def test_check_finds_what_is_wrong_and_changes_nothing(site: Path, tmp_path: Path) -> None:
    assert "Nothing is wrong" in crmkit(site, "check")
    done = run(tmp_path, "check", "--json")
    assert 1 == done.returncode
    assert "core 0001_initial is pending" in json.loads(done.stdout)[0]
    assert 1 == run(tmp_path, "check").returncode
    (site / "config").mkdir()
    (site / "config" / "roles.toml").write_text("[seller]\nlabel = 'S'\n")
    _refused(run(site, "check"), r"roles\.toml.*administrator")
    (site / "config" / "roles.toml").unlink()


def test_nothing_is_missing_in_the_migrations(site: Path) -> None:
    assert "Nothing is missing" in crmkit(site, "makemigrations", "crm")
    _refused(run(site, "makemigrations", "nothing"), "no plugin `nothing`")


def test_a_token_is_made_listed_and_revoked(site: Path) -> None:
    secret = crmkit(site, "token", "create", EMAIL, "--name", "Sync", "--read-only",
                    "--entity", "crm.*").strip()  # fmt: skip
    assert re.fullmatch(r"crm_[\w-]{43}", secret)
    number, name, rights, entities, used, _until = (
        crmkit(site, "token", "list", EMAIL).strip().split("\t")
    )
    assert ("Sync", "read", "crm.*", "never used") == (name, rights, entities, used)
    crmkit(site, "token", "revoke", number)
    assert "" == crmkit(site, "token", "list", EMAIL)
    _refused(run(site, "token", "revoke", number), "no such token")
    _refused(run(site, "token", "create", EMAIL, "--name", "x", "--days", "0"), "366 days")


def test_two_records_are_merged_by_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "companies.csv"
    file.write_text("name,sector,city\nKan-code,software,\nKancode,retail,Berlin\n")
    crmkit(tmp_path, "import", "crm.company", str(file))
    _refused(run(tmp_path, "merge", "crm.company", "1", "1"), "with itself")
    _refused(run(tmp_path, "merge", "crm.company", "1", "9"), "9 does not exist")
    _refused(run(tmp_path, "merge", "crm.nothing", "1", "2"), "no entity `crm.nothing`")
    _refused(run(tmp_path, "merge", "crm.company", "1", "2", "--take", "colour"), "colour")
    told = crmkit(tmp_path, "merge", "crm.company", "1", "2", "--take", "sector", "--keep", "city")
    assert "crm.company 2 is part of 1 now" in told
    left = crmkit(tmp_path, "export", "crm.company")
    assert "Kancode" not in left
    assert "retail" in left
    assert "Berlin" not in left
    _refused(run(tmp_path, "merge", "crm.company", "1", "2"), "trash")


def test_what_a_page_offers_is_listed_and_done_by_its_name(tmp_path: Path) -> None:
    add_administrator(tmp_path)
    crmkit(tmp_path, "user", "create", "tom@example.com", "--name", "Tom", "--password",
           "a quite different staple")  # fmt: skip
    file = tmp_path / "leads.csv"
    file.write_text("name,company_name\nPat Baum,Kan-code\n")
    crmkit(tmp_path, "import", "crm.lead", str(file))
    offered = {each["action"]: each for each in json.loads(
        crmkit(tmp_path, "run", "crm.lead", "1", "--json"))}  # fmt: skip
    assert {"convert", "duplicate"} <= set(offered)
    assert not offered["convert"]["refused"]
    made = json.loads(crmkit(tmp_path, "run", "crm.lead", "1", "duplicate", "--json"))
    assert "/crm.lead/2" == made["url"]
    assert "This is the copy, http://" in crmkit(tmp_path, "run", "crm.lead", "1", "duplicate")
    crmkit(tmp_path, "run", "core.user", "2", "hand-over", f"to={EMAIL}", "disable=true")
    _refused(
        run(tmp_path, "run", "crm.lead", "1", "duplicate", "--as", "tom@example.com"),
        "may not sign in",
    )
    crmkit(tmp_path, "user", "enable", "tom@example.com")
    words = ("run", "crm.lead", "1", "convert")
    # A seller sees what nobody owns and may not change it.
    _refused(run(tmp_path, *words, "--as", "tom@example.com"), "does not exist, or is not yours")
    _refused(run(tmp_path, *words, "--version", "99"), "Somebody saved this record")
    converted = json.loads(crmkit(tmp_path, *words, "--as", EMAIL, "--json"))
    assert re.fullmatch(r"/crm\.\w+/\d+", converted["url"])
    _refused(run(tmp_path, *words), "cannot be done in the state")
    (again,) = (each for each in json.loads(crmkit(tmp_path, "run", "crm.lead", "1", "--json"))
                if "convert" == each["action"])  # fmt: skip
    assert "cannot be done in the state" in again["refused"]


def test_several_records_are_done_or_refused_each_by_itself_in_the_language_of_the_site(
    tmp_path: Path,
) -> None:
    (tmp_path / "crmkit.toml").write_text('language = "ru"\n', encoding="utf-8")
    file = tmp_path / "leads.csv"
    file.write_text("name,company_name\nPat Baum,Kan-code\nJo Beck,Acme\n")
    crmkit(tmp_path, "import", "crm.lead", str(file))
    done = run(tmp_path, "run", "crm.lead", "2", "99", "1", "convert")
    assert (1, "99: Лид 99: такой записи нет") == (done.returncode, done.stderr[:28])
    told = done.stdout.splitlines()
    assert ["1: Лид конвертирован", "2: Лид конвертирован"] == [
        line.split(",")[0] for line in told[:2]
    ]
    assert "это отменяет" in told[2]
    again = run(tmp_path, "run", "crm.lead", "1", "2", "convert", "--json")
    answered = json.loads(again.stdout)
    assert (1, 0, [1, 2]) == (again.returncode, answered["changed"],
                              [each["id"] for each in answered["skipped"]])  # fmt: skip
    _refused(run(tmp_path, "run", "crm.lead", "1", "nothing"), "Лид: нет действия `nothing`")


def test_what_is_of_one_record_is_not_asked_of_several(tmp_path: Path) -> None:
    assert 2 == run(tmp_path, "run", "crm.lead", "1", "2").returncode
    assert 2 == run(tmp_path, "run", "crm.lead", "1", "2", "convert", "--version", "1").returncode


def test_a_call_of_an_action_that_cannot_be_is_refused_with_its_place(site: Path) -> None:
    _refused(run(site, "run", "crm.nothing", "1", "duplicate"), "no entity `crm.nothing`")
    _refused(run(site, "run", "crm.company", "1", "confirm"), "no action `confirm`")
    _refused(run(site, "run", "crm.company", "999", "duplicate"), "does not exist")
    _refused(run(site, "run", "core.user", "1", "hand-over", "to"), "name=value")
    _refused(
        run(site, "run", "core.user", "1", "hand-over", "to=x", "colour=red"), "colour: is not"
    )
    _refused(run(site, "run", "core.user", "1", "hand-over"), "to: is needed")
    _refused(run(site, "run", "crm.company", "1", "duplicate", "--as", "nobody"), "Nobody signs in")
    assert 2 == run(site, "run", "crm.company", "one", "duplicate").returncode
    assert 2 == run(site, "run", "crm.company").returncode


def test_who_holds_something_is_switched_off_with_a_hand_over_or_on_purpose(
    tmp_path: Path,
) -> None:
    add_administrator(tmp_path)
    crmkit(tmp_path, "user", "create", "tom@example.com", "--name", "Tom", "--password",
           "a quite different staple")  # fmt: skip
    file = tmp_path / "leads.csv"
    file.write_text("name,owner\nPat Baum,Tom\nLee Ash,Tom\n")
    crmkit(tmp_path, "import", "crm.lead", str(file))
    words = ("user", "disable", "tom@example.com")
    _refused(run(tmp_path, *words), r"holds: Leads 2\. Name who takes over with --hand-over-to")
    told = crmkit(tmp_path, *words, "--without-hand-over")
    assert "no longer" in told
    assert "Leads: 2 with nobody" in told
    crmkit(tmp_path, "user", "enable", "tom@example.com")
    assert f"Leads: 2 now with {EMAIL}" in crmkit(tmp_path, *words, "--hand-over-to", EMAIL)
    crmkit(tmp_path, "user", "enable", "tom@example.com")
    assert "no longer" in crmkit(tmp_path, *words), "holds nothing by now"


def test_hours_shows_calendars_and_counts_with_them(site: Path) -> None:
    assert "Office hours" in crmkit(site, "hours")
    calendar = json.loads(crmkit(site, "hours", "--json"))[0]
    assert ("9:00-18:00", "", True) == (
        calendar["monday"], calendar["sunday"], calendar["default"],
    )  # fmt: skip
    assert "2026-11-27T12:00+00:00 (UTC)" in crmkit(site, "hours", "add", "2026-11-26T17:00", "4h")
    words = ("hours", "add", "2026-11-26T17:00+02:00", "4h", "--user", EMAIL, "--json")
    told = json.loads(crmkit(site, *words))
    assert ("2026-11-27T10:00:00+00:00", 2) == (told["end"], len(told["spans"]))
    for wrong, said in (
        (("soon", "4h"), "no date with a time"),
        (("2026-11-26T17:00", "long"), "no length of work"),
        (("2026-11-26T17:00", "4h", "--team", "Nobody's"), "no team"),
        (("2026-11-26T17:00", "4h", "--user", "nobody"), "no user"),
        (("2026-11-26T17:00", "999999h"), "not open for so long"),
    ):
        _refused(run(site, "hours", "add", *wrong), said)


@pytest.mark.long
def test_webhooks_are_listed_tested_renewed_and_sent_again(site: Path) -> None:
    async def add() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            names = ["crm.person.created"]
            await add_webhook(ctx, "Stock", "https://stock.example/", names, names)
            await add_hook(ctx, "Shop")

    asyncio.run(add())
    (out,) = json.loads(crmkit(site, "webhooks", "list", "--json"))
    assert ("Stock", "crm.person.created", True) == (out["name"], out["events"], out["active"])
    number = str(out["id"])
    assert "Saved" in crmkit(site, "webhooks", "edit", number, "--event", "crm.*.created")
    (edited,) = json.loads(crmkit(site, "webhooks", "list", "--json"))
    assert {**out, "events": "crm.*.created"} == edited
    _refused(run(site, "webhooks", "edit", number, "--url", "gopher://x"), "url: must begin with")
    _refused(run(site, "webhooks", "edit", "99", "--name", "x"), "no webhook 99")
    assert "Shop" in crmkit(site, "webhooks", "list", "--incoming")
    assert "A worker sends it" in crmkit(site, "webhooks", "test", str(out["id"]))
    assert "0 to be sent again" in crmkit(site, "webhooks", "replay", str(out["id"]))
    for way in ((), ("--incoming",), ("--incoming", "--at-once")):
        assert crmkit(site, "webhooks", "renew", "1", *way).startswith("whsec_")
        _refused(run(site, "webhooks", "renew", "99", *way), "no webhook 99")
    assert 2 == run(site, "webhooks", "renew", "1", "--at-once").returncode
    _refused(run(site, "webhooks", "test", "99"), "no webhook 99")
    _refused(run(site, "webhooks", "replay", "--incoming", "99"), "Nothing was received")
    assert 2 == run(site, "webhooks", "replay", "--incoming", "1", "2").returncode
