from __future__ import annotations

import asyncio
import csv
import io
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest

from crmkit.records.import_fields import run_matching
from crmkit.web import import_runs
from crmkit.web.uploads import Upload

if TYPE_CHECKING:
    import httpx

    from crmkit.config import Config as SiteConfig
    from crmkit.db.engine import Database
    from tests.web.conftest import Browse

DATA = Path(__file__).parents[3] / "shared" / "data" / "crm-sales-opportunities"
_CSV = b"account,office\nLabdrill,Berlin\nKan-code,Bonn\n"


@pytest.fixture
def config(config: SiteConfig, tmp_path: Path) -> SiteConfig:
    return msgspec.structs.replace(config, folder=tmp_path)


async def send(client: httpx.AsyncClient, entity: str, data: bytes, name: str = "a.csv") -> str:
    answer = await client.post(f"/{entity}/import", files={"file": (name, data)})
    assert 303 == answer.status_code, answer.text
    return answer.headers["location"]


def inputs(text: str) -> dict[str, str]:
    """What the browser sends when one presses the button without touching anything."""
    found = {}
    for select in re.finditer(r'<select[^>]* name="([^"]+)".*?</select>', text, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', select[0])
        found[select[1]] = chosen[1] if chosen else ""
    found |= dict(re.findall(r'type="radio" name="([^"]+)" value="([^"]*)" checked', text))
    for tag in re.findall(r'<input class="form-control[^>]*>', text):
        name, value = re.search(r' name="([^"]+)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and value:
            found[name[1]] = value[1]
    return found


async def press_import(client: httpx.AsyncClient, url: str, **changed: str) -> str:
    page = await client.get(url)
    answer = await client.post(url, data={**inputs(page.text), **changed, "run": "1"})
    assert 303 == answer.status_code, answer.text
    return await wait(client, answer.headers["location"])


async def wait(client: httpx.AsyncClient, url: str) -> str:
    for _ in range(200):
        page = await client.get(url)
        if 'id="progress"' not in page.text:
            return page.text
        await asyncio.sleep(0.05)
    pytest.fail("The import does not end.")


async def test_nothing_is_written_before_the_run(browse: Browse, db: Database) -> None:
    client = await browse("administrator")
    url = await send(client, "crm.company", _CSV)
    page = await client.get(url)
    before = await db.value("SELECT count(*) FROM crm_company")
    result = await press_import(client, url)

    assert 200 == page.status_code
    assert "name" == inputs(page.text)["map.0"]
    assert 0 == before
    assert "2 records written" in result
    assert 2 == await db.value("SELECT count(*) FROM crm_company")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "The file is empty"),
        (b"\n\n \n", "The file is empty"),
        (b"name,city\n", "no rows below it"),
        (b"name,city,name\na,b,c\n", "stands twice"),
        (b"name,,city\na,b,c\n", "Column 2 has no heading"),
        (b"name,city\nA\x00B,Bonn\n", "NUL characters"),
        ("name,city\nМир,Москва\n".encode("utf-16-le"), "NUL characters"),
        (b"\xff\xfen\x00a\x00m\x00e\x00\n", "Line 1 is not utf-16"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "The file is a picture"),
        (b"PK\x03\x04\x14\x00", "The file is an Excel workbook"),
        (b"name,city\n" + b"x" * 10_000_000, "a line of 10,000,000 bytes"),
        (b"name,city\n" + b"Kan-code,Bonn\n" * 4_300_000, "larger than 50 MB"),
        (b'name,city\n"' + b"x" * 999_999 + b'""a,Bonn\n', "Line 2 cannot be read"),
    ],
    ids=[
        "empty",
        "blank lines",
        "heading only",
        "same heading twice",
        "column without heading",
        "NUL",
        "UTF-16 without a mark",
        "broken UTF-16",
        "picture",
        "workbook",
        "10 MB in a line",
        "60 MB",
        "endless cell",
    ],
)
async def test_what_is_no_table_is_refused_with_place_and_remedy(
    browse: Browse, db: Database, config: SiteConfig, data: bytes, told: str
) -> None:
    client = await browse("administrator")

    answer = await client.post("/crm.company/import", files={"file": ("a.csv", data)})

    assert 422 == answer.status_code
    assert told in answer.text
    assert not (config.var / "imports").exists()
    assert 0 == await db.value("SELECT count(*) FROM crm_company")


async def test_more_than_the_server_takes_is_refused_before_it_is_read(
    browse: Browse, config: SiteConfig
) -> None:
    client = await browse("administrator")
    kind = "multipart/form-data; boundary=x"
    length = {"Content-Length": str(200 * 1024 * 1024), "Content-Type": kind}
    answer = await client.post("/crm.company/import", headers=length, content=b"--x")
    assert 413 == answer.status_code
    assert "Split a larger one" in answer.text
    assert not (config.var / "imports").exists()


@pytest.mark.parametrize(
    "data",
    ["Müller,Köln".encode("cp1252"), "Müller,Köln".encode("utf-16"), "Müller,Köln".encode()],
    ids=["windows", "utf-16", "utf-8"],
)
async def test_other_encodings_are_read(browse: Browse, db: Database, data: bytes) -> None:
    client = await browse("administrator")
    heading = "name,city\n".encode("utf-16") if data[:1] == b"\xff" else b"name,city\n"
    await press_import(
        client, await send(client, "crm.company", heading + data.removeprefix(b"\xff\xfe"))
    )
    row = await db.row("SELECT name, city FROM crm_company")
    assert row is not None
    assert ("Müller", "Köln") == (row["name"], row["city"])


async def test_a_wrong_guess_of_the_encoding_is_corrected_by_hand(
    browse: Browse, db: Database
) -> None:
    client = await browse("administrator")
    url = await send(client, "crm.company", "name\nМир".encode("cp1251"))
    wrong = await client.post(url, data={"map.0": "name", "encoding": "cp1252", "check": "1"})
    await press_import(client, url, encoding="cp1251")

    assert "Ìèð" in wrong.text
    assert "Мир" == await db.value("SELECT name FROM crm_company")


async def test_a_ragged_row_and_a_wrong_value_come_back_as_a_file_to_correct(
    browse: Browse, db: Database
) -> None:
    client = await browse("administrator")
    data = b'name,founded,notes\nKan-code,1996,=SUM(A1)\n"Isdom\nLtd",soon,\nCancity,1999\n'
    url = await send(client, "crm.company", data)
    page = (await client.get(url)).text
    before = (await client.get(f"{url}/refused")).content
    result = await press_import(client, url)
    after = await client.get(f"{url}/refused")

    assert "Import 1 rows" in page
    assert "1 records written" in result
    assert "is not a whole number" in result
    assert before == after.content
    assert "attachment" in after.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(after.content.decode("utf-8-sig"))))
    assert ["import_line", "import_reason", "name", "founded", "notes"] == rows[0]
    assert ["3", "Isdom\nLtd", "soon"] == [rows[1][0], *rows[1][2:4]]
    assert ["5", "has 2 cells, the heading 3", "Cancity", "1999"] == rows[2]

    corrected = after.content.replace(b"soon", b"2001").replace(b"1999", b"1999,")
    again = await press_import(client, await send(client, "crm.company", corrected))
    assert "2 records written" in again
    assert 3 == await db.value("SELECT count(*) FROM crm_company")


async def test_dates_that_fit_two_orders_must_be_chosen(browse: Browse, db: Database) -> None:
    client = await browse("administrator")
    data = b"name,close_date\nA,02/03/2017\nB,13/13/2017\n"
    url = await send(client, "crm.opportunity", data.replace(b"13/13", b"05/06"))
    page = (await client.get(url)).text
    await press_import(client, url, dates="dmy")

    assert "Choose the order of the dates" in page
    assert 'name="run"' not in page
    days = await db.rows("SELECT close_date::text AS day FROM crm_opportunity ORDER BY name")
    assert ["2017-03-02", "2017-06-05"] == [row["day"] for row in days]


async def test_a_date_that_is_none_is_left_out_with_its_line(browse: Browse) -> None:
    client = await browse("administrator")
    data = b"name,close_date\nA,02/23/2017\nB,02/30/2017\n"
    page = (await client.get(await send(client, "crm.opportunity", data))).text
    assert re.search(r'<td class="num">3</td>.*?02/30/2017.*?is not a date', page, re.DOTALL)
    assert "Import 1 rows" in page


@pytest.mark.parametrize(
    "changed",
    [
        {"map.0": "password"},
        {"map.0": "name", "map.1": "name"},
        {"map.0": "@external", "map.1": "@external"},
        {"map.0": "name", "mode": "banana"},
        {"map.0": "name", "dates": "ymd"},
        {"map.0": "name", "key": "city"},
        {"map.0": "name", "key": "1; DROP TABLE crm_company"},
        {"map.0": "name", "encoding": "rot13"},
        {"map.0": "name", "unknown.owner": "steal"},
        {"map.0": "name", "const.0.field": "id", "const.0.value": "1"},
        {"map.0": "name", "const.0.field": "founded", "const.0.value": "soon"},
        {"map.1": "city", "title": "{nothing}"},
        {"map.0": "name", "close.crm.x": "add"},
        {"map.0": "", "map.1": ""},
    ],
    ids=str,
)
async def test_a_form_with_values_the_page_does_not_offer_writes_nothing(
    browse: Browse, db: Database, changed: dict[str, str]
) -> None:
    client = await browse("administrator")
    url = await send(client, "crm.company", b"name,city\nKan-code,Bonn\n")

    checked = await client.post(url, data={**changed, "check": "1"})
    answer = await client.post(url, data={**changed, "run": "1"})
    if 303 == answer.status_code:
        assert "nothing was written" in await wait(client, answer.headers["location"])

    assert 422 == checked.status_code
    assert 'class="crm-alert bad"' in checked.text
    assert 0 == await db.value("SELECT count(*) FROM crm_company")


async def test_braces_in_a_composed_name_reach_nothing_but_columns(
    browse: Browse, db: Database
) -> None:
    client = await browse("administrator")
    url = await send(client, "crm.company", b"a,city\nKan-code,Bonn\n")
    title = {"map.1": "city", "map.0": "", "title": "{a.__class__} {a}", "run": "1"}
    refused = await client.post(url, data={**title, "run": "", "check": "1"})
    await press_import(client, url, **{**title, "title": "{a} of {city}"})
    assert 422 == refused.status_code
    assert "Kan-code of Bonn" == await db.value("SELECT name FROM crm_company")


async def test_an_upload_belongs_to_who_sent_it_and_to_its_entity(browse: Browse) -> None:
    anna, bob = await browse("administrator"), await browse("administrator")
    url = await send(anna, "crm.company", _CSV)
    token = url.rsplit("/", 1)[-1]
    for path in (url, f"{url}/run", f"{url}/refused"):
        assert 404 == (await bob.get(path)).status_code
    assert 404 == (await bob.post(url, data={"run": "1"})).status_code
    assert 404 == (await anna.get(f"/crm.person/import/{token}")).status_code
    assert 404 == (await anna.get("/crm.company/import/..%2f..%2fcrmkit")).status_code
    assert 200 == (await anna.get(url)).status_code


@pytest.mark.parametrize("role", ["seller", "read-only", ""])
async def test_who_may_not_import_sends_nothing(
    browse: Browse, config: SiteConfig, role: str
) -> None:
    client = await browse(role)
    expected = 403 if role else 401
    post = await client.post("/crm.company/import", files={"file": ("a.csv", _CSV)})
    assert expected == post.status_code
    assert not (config.var / "imports").exists()
    if role:
        assert 403 == (await client.get("/crm.company/import")).status_code


async def test_a_manager_imports_but_defines_no_fields(browse: Browse, db: Database) -> None:
    client = await browse("manager")
    url = await send(client, "crm.company", b"name,tier\nKan-code,Gold\nIsdom,Gold\n")
    page = (await client.get(url)).text
    forced = await client.post(url, data={"map.0": "name", "map.1": "@new", "run": "1"})

    assert "@new" not in page
    assert 403 == forced.status_code
    assert 0 == await db.value("SELECT count(*) FROM core_custom_field")
    assert 0 == await db.value("SELECT count(*) FROM crm_company")


async def test_a_column_becomes_a_choice_field_with_one_click(browse: Browse, db: Database) -> None:
    client = await browse("administrator")
    rows = "".join(f"C{n},{('Gold', 'Tin')[n % 2]}\n" for n in range(8))
    url = await send(client, "crm.company", f"name,tier_level\n{rows}".encode())
    page = await client.get(url)
    before = await db.value("SELECT count(*) FROM core_custom_field")
    result = await press_import(client, url)
    form = await client.get("/crm.company/new")

    assert "@new" == inputs(page.text)["map.1"]
    assert "Becomes a field with 2 choices" in page.text
    assert 0 == before
    assert "8 records written" in result
    assert "Tier level" in form.text
    number = "SELECT count(*) FROM crm_company WHERE custom->'user'->>'tier_level' = 'Gold'"
    assert 4 == await db.value(number)


async def test_values_for_all_rows_fill_fields_no_column_gives(
    browse: Browse, db: Database
) -> None:
    client = await browse("administrator")
    url = await send(client, "crm.company", b"name\nKan-code\n")
    given = {"const.0.field": "source", "const.0.value": "Fair", "const.1.field": "city"}
    await press_import(client, url, **given)
    row = await db.row("SELECT source, city FROM crm_company")
    assert row is not None
    assert ("Fair", "") == (row["source"], row["city"])


async def test_unknown_names_are_counted_and_decided(browse: Browse, db: Database) -> None:
    client = await browse("administrator")
    data = b"name,account\nA,Kan-code\nB,Isdom\nC,Isdom\nD,\n"
    await press_import(client, await send(client, "crm.company", b"name\nKan-code\n"))
    url = await send(client, "crm.opportunity", data)
    page = (await client.get(url)).text
    without = await client.post(url, data={**inputs(page), "unknown.company": "empty"})
    await press_import(client, url, **{"unknown.company": "create"})

    assert "Company: 1 names are not known" in page
    assert "Isdom (2)" in page
    assert "Import 2 rows" in page
    assert "Import 4 rows" in without.text
    names = await db.rows("SELECT name FROM crm_company ORDER BY name")
    assert ["Isdom", "Kan-code"] == [row["name"] for row in names]
    assert 3 == await db.value("SELECT count(company) FROM crm_opportunity")


async def test_two_clicks_import_once(browse: Browse, db: Database) -> None:
    client = await browse("administrator")
    url = await send(client, "crm.company", _CSV)
    form = {"map.0": "name", "run": "1"}  # without a key each run would add two

    answers = await asyncio.gather(*(client.post(url, data=form) for _ in range(4)))
    await wait(client, answers[0].headers["location"])
    late = await client.post(url, data=form)

    assert {f"{url}/run"} == {answer.headers["location"] for answer in (*answers, late)}
    assert 2 == await db.value("SELECT count(*) FROM crm_company")
    assert 1 == await db.value("SELECT count(*) FROM core_operation WHERE kind = 'import'")


async def test_a_running_import_shows_its_bar_with_and_without_scripts(
    browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await browse("administrator")
    url = await send(client, "crm.company", _CSV)
    go_on = asyncio.Event()
    real = run_matching

    async def slow(*args: Any) -> Any:  # noqa: ANN401
        await args[-1](1, 2)
        await go_on.wait()
        return await real(*args)

    monkeypatch.setattr(import_runs, "run_matching", slow)
    monkeypatch.setattr(import_runs, "_SAVED_EVERY", 0)
    await client.post(url, data={"map.0": "name", "run": "1"})
    await asyncio.sleep(0.3)
    page = (await client.get(f"{url}/run")).text
    fragment = {"HX-Request": "true", "HX-Request-Type": "partial"}
    part = (await client.get(f"{url}/run", headers=fragment)).text
    listed = (await client.get("/crm.company/import")).text
    go_on.set()
    await wait(client, f"{url}/run")
    done = await client.get(f"{url}/run", headers=fragment)

    assert '<noscript><meta http-equiv="refresh"' in page
    assert "1 of 2 rows" in page
    assert "Continue in background" in page
    assert part.lstrip().startswith('<div id="progress"')
    assert "delay:500ms" in part
    assert f"{url}/run" in listed
    assert f"{url}/run" == done.headers["hx-redirect"]


async def test_an_import_that_breaks_says_so_and_may_run_again(
    browse: Browse, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await browse("administrator")
    url = await send(client, "crm.company", _CSV)

    async def break_down(*args: Any) -> Any:  # noqa: ANN401
        await db.execute("INSERT INTO crm_company (name) VALUES ('half')")
        raise RuntimeError("disk")

    form = {**inputs((await client.get(url)).text), "run": "1"}
    with monkeypatch.context() as broken:
        broken.setattr(import_runs, "run_matching", break_down)
        sent = await client.post(url, data=form)
        told = await wait(client, sent.headers["location"])
    half = await db.value("SELECT count(*) FROM crm_company")
    again = await press_import(client, url)

    assert "Interrupted, nothing was written" in told
    assert 0 == half
    assert "2 records written" in again


@pytest.mark.parametrize(
    ("committed", "told"), [(True, "2 records written"), (False, "nothing was written")]
)
async def test_after_a_crash_the_database_says_whether_it_was_written(
    browse: Browse, dsn: str, config: SiteConfig, *, committed: bool, told: str
) -> None:
    client = await browse("administrator")
    url = await send(client, "crm.company", _CSV)
    await client.get(url)
    connection = await asyncpg.connect(dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        number = await connection.fetchval("SELECT pg_current_xact_id()::text")
        await (transaction.commit() if committed else transaction.rollback())
    finally:
        await connection.close()
    path = next((config.var / "imports").glob("*.json"))
    kept = msgspec.json.decode(path.read_bytes(), type=Upload)
    crashed = msgspec.structs.replace(kept, state="running", transaction=number, attempt=1)
    path.write_bytes(msgspec.json.encode(crashed))

    assert told in (await client.get(f"{url}/run")).text


async def test_a_result_can_be_undone_as_a_whole(browse: Browse, db: Database) -> None:
    client = await browse("administrator")
    result = await press_import(client, await send(client, "crm.company", _CSV))
    undo = re.search(r'action="(/history/\d+/undo)"', result)
    assert undo is not None
    await client.post(undo[1])
    number = "SELECT count(*) FROM crm_company WHERE trashed_at IS NULL"
    assert 0 == await db.value(number)


@pytest.mark.skipif(not DATA.is_dir(), reason="the data lies beside the checkout")
async def test_four_files_as_they_are_come_in_by_pressing_import(
    browse: Browse, db: Database
) -> None:
    client = await browse("administrator")
    results = [
        await press_import(client, await send(client, entity, (DATA / name).read_bytes(), name))
        for entity, name in (
            ("core.user", "sales_teams.csv"),
            ("crm.opportunity", "products.csv"),
            ("crm.company", "accounts.csv"),
            ("crm.opportunity", "sales_pipeline.csv"),
        )
    ]
    rows = await db.rows(
        "SELECT stage, count(*) AS number, sum(amount) AS total FROM crm_opportunity GROUP BY 1"
    )
    gaps = await db.row(
        "SELECT count(*) FILTER (WHERE company IS NULL) AS company, "
        "count(*) FILTER (WHERE owner IS NULL) AS owner, "
        "count(*) FILTER (WHERE custom->'user'->>'product' = 'GTX Pro') AS product, "
        "count(*) FILTER (WHERE team IS NULL) AS team FROM crm_opportunity"
    )

    assert [] == [text for text in results if "Interrupted" in text]
    found = {row["stage"]: row["number"] for row in rows}
    assert {"won": 4238, "lost": 2473, "engaging": 1589, "prospecting": 500} == found
    assert Decimal(10005534) == next(row["total"] for row in rows if row["stage"] == "won")
    assert gaps is not None
    assert {"company": 1425, "owner": 0, "product": 1480, "team": 0} == dict(gaps)
    assert 15 == await db.value("SELECT count(*) FROM crm_company WHERE parent IS NOT NULL")


@pytest.mark.skipif(not DATA.is_dir(), reason="the data lies beside the checkout")
async def test_the_pipeline_says_what_it_reads_as_what_before_it_runs(browse: Browse) -> None:
    client = await browse("administrator")
    for entity, name in (
        ("core.user", "sales_teams.csv"),
        ("crm.opportunity", "products.csv"),
        ("crm.company", "accounts.csv"),
    ):
        await press_import(client, await send(client, entity, (DATA / name).read_bytes(), name))
    data = (DATA / "sales_pipeline.csv").read_bytes()
    url = await send(client, "crm.opportunity", data, "sales_pipeline.csv")

    page = (await client.get(url)).text
    chosen = inputs(page)

    assert ["@external", "owner", "custom.user.product", "company"] == [
        chosen[f"map.{n}"] for n in range(4)
    ]
    assert "GTXPro read as GTX Pro, 1,480 rows" in page
    assert "30 of 30 found" in page
    assert "85 of 85 found, empty in 1,425 rows" in page
    assert "Month/day/year, empty in 500 rows" in page
    assert "Import 8,800 rows" in page

    strict = {**chosen, "close.custom.user.product": "exact", "check": "1"}
    assert "Import 7,320 rows" in (await client.post(url, data=strict)).text
    full = {**chosen, "filled.company": "1", "check": "1"}
    assert "Import 7,375 rows" in (await client.post(url, data=full)).text
    kept = {**chosen, "close.custom.user.product": "add", "check": "1"}
    assert "Import 8,800 rows" in (await client.post(url, data=kept)).text
