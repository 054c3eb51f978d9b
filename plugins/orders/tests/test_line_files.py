"""Lines from a file: matched like pasted ones, read in the reader's language, or all refused."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from crmkit_orders import lines
from crmkit_orders.at_once import added_up_once
from crmkit_orders.pasted import order_table, paste_agreement, paste_order
from crmkit_orders.totals import add_up_order

from crmkit import InvalidError, Veto, speaking
from crmkit.records.csv_file import read_csv
from crmkit.testing.workbooks import workbook

if TYPE_CHECKING:
    from conftest import Act, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

ORDER = "orders.order"
_FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


async def _lines(ctx: Context, table: str = "order_line") -> list[Any]:
    rows = await ctx.db.rows(f"SELECT * FROM orders_{table} ORDER BY position, id")
    return list(rows)


def _sent(data: bytes, name: str = "lines.csv") -> dict[str, tuple[str, bytes]]:
    return {"file": (name, data)}


async def test_a_file_makes_lines_and_what_is_not_found_blocks_the_confirmation(
    site: Running, ctx: Context, draft: Draft, act: Act
) -> None:
    order = await draft(pro=0, kit=0)
    client = await site.client()
    url = f"/orders.order/{order}/parts/orders.order_line/file"
    assert url in (await client.get(f"/orders.order/{order}")).text
    text = (
        "Артикул;Наименование;Количество;Цена;Заметка\n"
        "GTX-P;;2;4800,50;a\n;MG Special;;;b\n;Nothing known;3 шт;;\n"
    )
    answer = await client.post(url, files=_sent(text.encode("cp1251")), headers=_FRAGMENT)
    assert 200 == answer.status_code, answer.text
    assert "Lines added: 3. 1 of them still need a product." in answer.text
    assert "Columns that were left out: Заметка." in answer.text
    pro, kit, unknown = await _lines(ctx)
    assert (Decimal(2), Decimal("4800.5")) == (pro["quantity"], pro["unit_price"])
    assert (Decimal(1), Decimal(55)) == (kit["quantity"], kit["unit_price"])
    assert (None, True, Decimal(3)) == (
        unknown["product"], unknown["is_unmatched"], unknown["quantity"],
    )  # fmt: skip
    assert "Nothing known" == unknown["text"]
    with pytest.raises(Veto, match="Nothing known"):
        await act("orders.order/confirm", order)


async def test_a_workbook_goes_the_same_way_and_back_with_one_undo(
    site: Running, ctx: Context, draft: Draft
) -> None:
    order = await draft(pro=0, kit=0)
    client = await site.client()
    data = workbook([["Qty", "Code", "Price"], [2, "GTX-P", Decimal("1.234")], [3, "MG-S", ""]])
    url = f"/orders.order/{order}/parts/orders.order_line/file"
    answer = await client.post(url, files=_sent(data, "lines.xlsx"))
    assert 303 == answer.status_code
    pro, kit = await _lines(ctx)
    assert (Decimal("1.234"), Decimal(3)) == (pro["unit_price"], kit["quantity"])
    operation = await ctx.db.value("SELECT max(id) FROM core_operation")
    assert 303 == (await client.post(f"/history/{operation}/undo")).status_code
    assert all(row["trashed_at"] for row in await _lines(ctx))


async def test_numbers_are_read_in_the_language_of_the_reader(ctx: Context, draft: Draft) -> None:
    order = await draft(pro=0, kit=0)
    file = read_csv(b"code;price\nGTX-P;1,234\n")
    await order_table(ctx, order, file)
    with speaking(ctx, "ru") as reader:
        await order_table(reader, order, file)
    assert [Decimal(1234), Decimal("1.234")] == [row["unit_price"] for row in await _lines(ctx)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The file is empty"),
        (b"code,qty\n", "no rows below it"),
        (b"hello world\nmore\n", "does not say which column is what"),
        (b"qty,price\n1,2\n", "Name a column Code or Name"),
        (b"code,qty\nGTX-P,2\nMG-S\n", "Line 3 has 1 cells, the heading 2"),
        (b"code,qty\nGTX-P,2\nMG-S,many\n", "Line 3: `many` is no quantity"),
        (b"code,qty\nGTX-P,0\n", "Line 2: `0` is no quantity"),
        (b"code,qty\nGTX-P,-2\n", "Line 2: `-2` is no quantity"),
        (b"code,qty\nGTX-P,=1+1\n", "Line 2: `=1+1` is a formula"),
        (b"code,name,qty\n,,5\n", "Line 2: there is no product"),
        (b"code,price\nGTX-P,free\n", "Line 2: `free` is no price"),
        (b"code,qty\n" + b"GTX-P,1\n" * 10_000, "10000 lines; 500 are taken at once"),
        ("code,qty\nGTX-P,1\n".encode("utf-16-le"), "NUL characters"),
        (b"%PDF-1.7 code", "a PDF document"),
        (workbook([["Code", "Qty"], ["GTX-P", 1], ["MG-S", "=A1"]]), "Cell B3 holds a formula"),
        (b"code,qty\n" + b"GTX-P,x\n" * 12, "besides these: 2."),
    ],
    ids=range(16),
)
async def test_a_bad_file_is_refused_with_its_line_and_nothing_is_written(
    site: Running, ctx: Context, draft: Draft, data: bytes, said: str
) -> None:
    order = await draft(pro=0, kit=0)
    client = await site.client()
    url = f"/orders.order/{order}/parts/orders.order_line/file"
    answer = await client.post(url, files=_sent(data), headers=_FRAGMENT)
    assert 422 == answer.status_code
    assert said in answer.text
    assert [] == await _lines(ctx)


async def test_a_refusal_is_said_in_the_language_of_the_reader(
    site: Running, ctx: Context, draft: Draft
) -> None:
    order = await draft(pro=0, kit=0)
    client = await site.client()
    await ctx.db.execute("UPDATE core_user SET language = 'ru'")
    try:
        url = f"/orders.order/{order}/parts/orders.order_line/file"
        for data, said in (
            (b"code,qty\nGTX-P,many\n", "Строка 2: «many» — не количество"),
            (b"%PDF-1.7", "документ PDF"),
            (workbook([["Code", "Qty"], ["a", "=A1"]]), "В ячейке B2 формула"),
        ):
            answer = await client.post(url, files=_sent(data), headers=_FRAGMENT)
            assert said in answer.text
    finally:
        await ctx.db.execute("UPDATE core_user SET language = ''")


async def test_quotes_and_blanket_orders_take_files_and_texts(
    site: Running, ctx: Context, shop: dict[str, int], act: Act
) -> None:
    values = {"company": shop["company"], "person": shop["person"], "currency": "EUR"}
    quote = await ctx.create("orders.quote", **values)
    agreement = await ctx.create("orders.agreement", **values, valid_until=ctx.now().date())
    client = await site.client()
    data = b"name,qty\nGTX Pro,2\nMG Special,\nNothing known,1\n"
    for kind, record in (("quote", quote), ("agreement", agreement)):
        url = f"/orders.{kind}/{record}/parts/orders.{kind}_line/file"
        assert 303 == (await client.post(url, files=_sent(data))).status_code
    quantities = [row["quantity"] for row in await _lines(ctx, "quote_line")]
    assert [Decimal(2), Decimal(1), Decimal(1)] == quantities
    lines = await _lines(ctx, "agreement_line")
    assert [Decimal(2), None, Decimal(1)] == [row["quantity"] for row in lines]
    assert [shop["pro"], shop["kit"], None] == [row["product"] for row in lines]
    with pytest.raises(Veto, match="Nothing known"):
        await act("orders.agreement/begin", agreement)
    await paste_agreement(ctx, agreement, "Installation\t8\t90")
    assert Decimal(8) == (await _lines(ctx, "agreement_line"))[-1]["quantity"]


async def test_what_cannot_be_read_of_a_pasted_line_is_not_guessed(
    ctx: Context, draft: Draft
) -> None:
    order = await draft(pro=0, kit=0)
    await paste_order(ctx, order, "GTX-P\t1,234\nMG-S\t2")
    unsure, kit = await _lines(ctx)
    assert (None, True) == (unsure["product"], unsure["is_unmatched"])
    assert "1,234" in unsure["text"]
    assert (Decimal(2), False) == (kit["quantity"], kit["is_unmatched"])


async def test_an_order_is_added_up_once_for_all_lines_of_a_file(
    ctx: Context, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await draft(pro=0, kit=0)
    added: list[int] = []
    add_up = add_up_order

    async def counted(ctx: Context, order: int) -> None:
        added.append(order)
        await add_up(ctx, order)

    monkeypatch.setattr(lines, "add_up_order", counted)
    await order_table(ctx, order, read_csv(b"code;qty;price\n" + b"MG-S;1;10\n" * 7))
    assert [order] == added
    assert Decimal(70) == (await ctx.get(ORDER, order))["net"]
    with pytest.raises(InvalidError):
        async with added_up_once(ctx):
            raise InvalidError("what goes wrong leaves nothing waiting")
    await ctx.save("orders.order_line", (await _lines(ctx))[0]["id"], quantity=Decimal(2))
    assert Decimal(80) == (await ctx.get(ORDER, order))["net"]
