"""An action that asks for each line of a record: inputs of a form, an object of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.testing.sites import new_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.testing.sites import Running

_CODE = """
from datetime import date

import msgspec

from crmkit import Action, InputRow, InvalidError
from crmkit.model.columns import Line, Measure


class Box(Record, tablename="boxes_box"):
    name = Line(length=80)
    got = Line(length=200)
    full = Measure()
    filled = Measure()


class Take(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    counts: dict[str, str] | None = None
    on: date | None = None


async def rows(ctx, box):
    return [InputRow("a", "Apples", "3", "3 left"), InputRow("p", "Pears <b>")]


async def take(ctx, box, data, version=None):
    if data.counts and data.counts.get("a") == "9":
        raise InvalidError("Not so many.", {"counts.a": "is too many"})
    await ctx.save(Box, box, got=f"{data.counts} {data.on}")


class Boxes(Plugin):
    def entities(self):
        yield Entity(
            Box, "Boxes", title=Box.name, list=[Box.name, Box.got],
            fields={Box.filled: FieldOptions(share_of=Box.full)},
            actions=[Action("take", "Take", take, input=Take, rows={"counts": rows}, bulk=False)],
        )
"""
_MANIFEST = 'id = "boxes"\nname = "Boxes"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_SQL = """
CREATE TABLE boxes_box ({base}, name text NOT NULL DEFAULT '', got text NOT NULL DEFAULT '',
    "full" numeric(18, 4), filled numeric(18, 4));
-- backwards
DROP TABLE boxes_box;
"""


@pytest.fixture(scope="module")
async def boxes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A site with boxes."""
    from crmkit.db.ddl import BASE  # noqa: PLC0415 - only here

    async with new_place(tmp_path_factory.mktemp("boxes")) as place:
        place.write("boxes", _CODE, manifest=_MANIFEST, m0001_tables=_SQL.format(base=BASE))
        async with place.start() as running:
            yield running


@pytest.fixture
async def box(boxes: Running) -> int:
    return await boxes.ctx.create("boxes.box", name="Box")


async def _got(boxes: Running, box: int) -> str:
    return str((await boxes.ctx.get("boxes.box", box))["got"])


async def test_the_page_has_an_input_for_each_line_with_what_stands_in_it(
    boxes: Running, box: int
) -> None:
    page = (await (await boxes.client()).get(f"/boxes.box/{box}")).text
    assert 'name="counts.a"' in page
    assert 'value="3"' in page
    assert "3 left" in page
    assert "Pears &lt;b&gt;" in page
    assert 'type="date"' in page
    assert 'name="counts"' not in page


@pytest.mark.parametrize(
    ("form", "got"),
    [
        ({"counts.a": "2", "counts.p": "", "on": "2027-01-31"}, "{'a': '2'} 2027-01-31"),
        ({"counts.a": "", "counts.p": ""}, "{} None"),
        ({}, "None None"),
    ],
)
async def test_a_form_sends_what_was_filled_in_and_says_when_nothing_was(
    boxes: Running, box: int, form: dict[str, str], got: str
) -> None:
    client = await boxes.client()
    answer = await client.post(f"/boxes.box/{box}/actions/take", data=form)
    assert 303 == answer.status_code
    assert got == await _got(boxes, box)


async def test_a_refused_form_shows_what_was_typed_and_the_problem_of_its_line(
    boxes: Running, box: int
) -> None:
    client = await boxes.client()
    form = {"counts.a": "9", "counts.p": "8"}
    answer = await client.post(f"/boxes.box/{box}/actions/take", data=form)
    assert 422 == answer.status_code
    for text in ('value="9"', 'value="8"', "is too many"):
        assert text in answer.text


async def test_a_call_sends_an_object(boxes: Running, box: int) -> None:
    client = await boxes.client()
    url = f"/api/v1/boxes.box/{box}/actions/take"
    answer = await client.post(url, json={"input": {"counts": {"p": "1"}}})
    assert 200 == answer.status_code, answer.text
    assert "{'p': '1'} None" == await _got(boxes, box)
    assert 422 == (await client.post(url, json={"input": {"counts": {"p": 1}}})).status_code


async def test_the_palette_leads_to_the_form(boxes: Running, box: int) -> None:
    client = await boxes.client()
    asked = {"q": "take", "from": f"/boxes.box/{box}"}
    found = (await client.get("/search", params=asked, headers={"HX-Request": "true"})).text
    assert "Take" in found
    assert f"/boxes.box/{box}/actions/take" not in found


@pytest.mark.parametrize(
    ("full", "filled", "label"), [("8", "2", "25 %"), ("8", "9", "112 %"), ("", "2", ""),
                                  ("8", "", "")]
)  # fmt: skip
async def test_a_number_that_is_a_part_has_a_bar(
    boxes: Running, box: int, full: str, filled: str, label: str
) -> None:
    values = {"full": full, "filled": filled}
    await boxes.db.execute(
        "UPDATE boxes_box SET \"full\" = nullif($2, '')::numeric, "
        "filled = nullif($3, '')::numeric WHERE id = $1",
        box, values["full"], values["filled"],
    )  # fmt: skip
    page = (await (await boxes.client()).get(f"/boxes.box/{box}")).text
    assert ("crm-progress" in page) == bool(label)
    assert f'aria-label="{label}"' in page or not label
