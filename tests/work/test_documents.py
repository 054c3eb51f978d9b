from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

import crmkit.crm
from crmkit.errors import CrmkitError
from crmkit.work.documents import _PACKAGES, DocumentError, typeset

if TYPE_CHECKING:
    from crmkit.testing.sites import Place, Running

_AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
_CRM = Path(crmkit.crm.__file__).parent / "documents"
_HOSTILE = [
    '#read("/etc/passwd")', "#panic()", "*bold* _it_ `raw` $x$ = Title", '"); #let x = 1; ("',
    ']#eval("1")[', "\\u{41} \\ ~ --- // comment /* */", "<label> @ref", "#" * 50,
    "\u202eabc", "Ω≈ç√ 漢字 🎉", "\n\n= H\n- a\n+ b\n/ t: d", '#import "@preview/x:1.0.0"',
]  # fmt: skip


def _data(**values: object) -> dict[str, Any]:
    return {
        "title": "Offer", "language": "en", "date": "4 May 2026",
        "site": {"name": "Northgate", "address": "1 Main St\nPortland"},
        "texts": {"page": "Page {page} of {pages}"}, "values": values,
    }  # fmt: skip


def _offer(text: str, rows: int = 1) -> dict[str, Any]:
    names = ("recipient", "greeting", "intro", "total_label", "total", "notes", "closing",
             "signature")  # fmt: skip
    return _data(**dict.fromkeys(names, text), columns=[text, text], rows=[[text, text]] * rows)


@pytest.mark.parametrize("text", _HOSTILE)
def test_the_letter_takes_whatever_people_type(text: str) -> None:
    data = _offer(text) | {"title": text, "site": {"name": text, "address": text}}
    assert typeset(_CRM, "offer_letter.typ", data, _AT).startswith(b"%PDF-")


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> typst.Compiler:
    """A template that prints a text and says what it got."""
    folder = tmp_path_factory.mktemp("echo")
    (folder / "x.typ").write_text(
        '#import "@crmkit/document:1.0.0": data, lines\n'
        "#metadata(data.values.text) <said>\n#data.values.text #lines(data.values.text)"
    )
    return typst.Compiler(
        input=str(folder / "x.typ"), package_path=str(_PACKAGES), ignore_system_fonts=True
    )


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=300) | st.sampled_from(_HOSTILE))
def test_a_text_of_the_data_is_never_code(echo: typst.Compiler, text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    echo.compile(format="pdf", sys_inputs={"data": json.dumps(_data(text=text))})
    assert text == json.loads(echo.query("<said>", field="value", one=True))


def test_what_is_made_twice_of_the_same_is_the_same() -> None:
    one, other = (typeset(_CRM, "offer_letter.typ", _offer("x", 80), _AT) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("= Title\n\n#data.nothing", "line 3: unknown variable: data"),
        ('#import "@crmkit/document:1.0.0": data\n#data.values.nothing', "line 2: "),
        ('\n#read("../plugin.toml")', "line 2: path"),
        ('#read("/../../x")', "line 1: path"),
        ('x\n#import "@preview/cetz:0.3.0"', 'line 2: "@preview/cetz:0.3.0" would be fetched'),
        ("#let x = (", "line 1: unclosed delimiter"),
    ],
)
def test_a_template_that_is_wrong_is_named_with_its_line(
    tmp_path: Path, source: str, told: str
) -> None:
    folder = tmp_path / "every" / "documents"
    folder.mkdir(parents=True)
    (folder / "x.typ").write_text(source, encoding="utf-8")
    with pytest.raises(DocumentError) as error:
        typeset(folder, "x.typ", _data(), _AT)
    assert error.value.message.startswith(f"every/documents/x.typ, {told}"), error.value.message
    with pytest.raises(DocumentError, match=r"every/documents/none\.typ: there is no such file"):
        typeset(folder, "none.typ", _data(), _AT)


def test_only_a_worker_that_makes_a_document_loads_typst() -> None:
    code = "import crmkit.web.document_job, crmkit.web.app, sys; sys.exit('typst' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


async def _order(running: Running) -> tuple[int, Any]:
    company = await running.ctx.create(
        "crm.company", name="Kan-code & Söhne", city="Köln", address="Domplatz 1"
    )
    person = await running.ctx.create("crm.person", name="Анна", language="Русский")
    deal = await running.ctx.create(
        "crm.opportunity", name="#panic() $5", company=company, person=person, amount="1250.50"
    )
    client = await running.client()
    answer = await client.post(f"/crm.opportunity/{deal}/actions/offer-letter")
    assert f"/crm.opportunity/{deal}#documents" == answer.headers["location"]
    return deal, client


async def test_an_offer_is_ordered_made_shown_and_sent(place: Place) -> None:
    place.options["address"] = "1 Main St"
    async with place.start() as running:
        deal, client = await _order(running)
        page = (await client.get(f"/crm.opportunity/{deal}")).text
        assert "Offer letter: is being made" in page
        assert f'hx-get="/crm.opportunity/{deal}/documents"' in page
        number = await running.db.value("SELECT id FROM core_document")
        assert 404 == (await client.get(f"/documents/{number}")).status_code

        assert 1 == await running.work()

        row = await running.db.row("SELECT * FROM core_document")
        assert row is not None
        assert ("made", "", "ru", row["size"]) == (
            row["state"], row["error"], row["language"], len(row["content"]),
        )  # fmt: skip
        assert hashlib.sha256(row["content"]).hexdigest() == row["digest"]
        shown = (await client.get(f"/crm.opportunity/{deal}?show=done")).text
        assert 3 <= shown.count(f"/documents/{number}"), "open, download, timeline"
        sent = await client.get(f"/documents/{number}")
        assert (200, "application/pdf", row["content"]) == (
            sent.status_code, sent.headers["content-type"], sent.content,
        )  # fmt: skip
        assert sent.headers["content-disposition"].startswith("inline; filename=")
        kept = await client.get(f"/documents/{number}?download=1")
        assert kept.headers["content-disposition"].startswith("attachment")
        # Who may not read the record reads no document of it.
        other = await running.client("seller")
        assert 404 == (await other.get(f"/documents/{number}")).status_code
        assert 404 == (await client.get("/documents/99999")).status_code


async def test_a_document_of_who_lost_the_right_is_not_made(place: Place) -> None:
    async with place.start() as running:
        await _order(running)
        await running.db.execute("UPDATE core_user SET role = 'seller'")
        assert 1 == await running.work()
        row = await running.db.row("SELECT state, error, content FROM core_document")
        assert row is not None
        assert ("failed", None) == (row["state"], row["content"])


async def test_values_that_fail_are_told_and_not_tried_again(place: Place) -> None:
    place.write(
        "every",
        "async def values(ctx, record_id):\n    raise KeyError('colour')\n\n\n"
        "class Every(Plugin):\n    def documents(self):\n"
        "        return [DocumentTemplate('badge', 'crm.company', 'Badge', values)]\n",
        manifest='id = "every"\nname = "Every"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n',
    )
    async with place.start() as running:
        company = await running.ctx.create("crm.company", name="Kan-code")
        client = await running.client()
        await client.post(f"/crm.company/{company}/actions/badge")
        assert (1, 0) == (await running.work(), await running.work())
        page = (await client.get(f"/crm.company/{company}")).text
        assert "every.badge: its values cannot be read: KeyError" in page
        assert "/documents" not in page.split('id="documents"')[1][:200]


async def test_documents_go_with_the_person_they_name(place: Place) -> None:
    async with place.start() as running:
        deal, client = await _order(running)
        await running.work()
        person = (await running.ctx.get("crm.opportunity", deal))["person"]
        answer = await client.post(
            f"/crm.person/{person}/erase", data={"confirmation": str(person)}
        )
        assert answer.status_code < 400, answer.text[:500]
        assert 0 == await running.db.value("SELECT count(*) FROM core_document")


def test_a_document_needs_a_name_and_a_file() -> None:
    from crmkit import DocumentTemplate  # noqa: PLC0415 - the front door is what is tried

    async def values(_ctx: object, _record: int) -> dict[str, Any]:
        raise CrmkitError("never called")

    for name, file in (("Offer", "x.typ"), ("offer", "../x.typ"), ("offer", "x.html")):
        with pytest.raises(ValueError, match="The document"):
            DocumentTemplate(name, "crm.person", "Offer", values, file)
