"""What clients reach by a link: once, in time, and nothing of others."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import crmkit_orders
import pytest
import typst
from crmkit_orders.domain.hashing import shown_hash
from crmkit_orders.mailing import quote_link, status_link
from crmkit_orders.papers import order_values, quote_values, slip_values
from crmkit_orders.quoting import shown_of
from crmkit_orders.totals import quote_rows

from crmkit.errors import Veto
from crmkit.records.actions import run_action
from crmkit.work.documents import _PACKAGES

if TYPE_CHECKING:
    import httpx
    from conftest import Act, Decide, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running


@pytest.fixture
async def sent(ctx: Context, shop: dict[str, int], act: Act) -> int:
    """A quote of two controllers, and an installation as an option, that was sent."""
    quote = await ctx.create(
        "orders.quote", company=shop["company"], person=shop["person"], currency="EUR", owner=9001
    )
    for place, (name, count, optional) in enumerate((("pro", 2, False), ("work", 6, True)), 1):
        await ctx.create(
            "orders.quote_line", quote=quote, product=shop[name], quantity=Decimal(count),
            position=place, is_optional=optional,
        )  # fmt: skip
    await act("orders.quote/send", quote)
    return quote


def _path(link: str) -> str:
    return "/orders/" + link.partition("/orders/")[2]


async def _orders(ctx: Context) -> int:
    return int(await ctx.db.value("SELECT count(*) FROM orders_order"))


async def test_a_quote_is_accepted_once_with_what_was_chosen(
    ctx: Context, sent: int, guest: httpx.AsyncClient
) -> None:
    path = _path(quote_link(ctx, sent))
    page = await guest.get(path)
    assert 200 == page.status_code
    assert "GTX Pro" in page.text
    option = await ctx.db.value("SELECT id FROM orders_quote_line WHERE is_optional")
    form = {"name": "Tom <b>", f"option.{option}": "1"}
    nameless = await guest.post(f"{path}/acceptance", data={"name": " "})
    assert 422 == nameless.status_code
    assert 0 == await _orders(ctx)
    for _again in range(2):
        assert 303 == (await guest.post(f"{path}/acceptance", data=form)).status_code
    assert 1 == await _orders(ctx)
    quote = await ctx.get("orders.quote", sent)
    assert Decimal("10212.00") == quote["net"]  # 2 x 4821 + 6 x 95, which was chosen
    assert quote["shown"] == shown_hash(shown_of(quote, await quote_rows(ctx, sent)))
    thanks = await guest.get(path)
    assert "Tom &lt;b&gt;" in thanks.text
    assert 409 == (await guest.post(f"{path}/refusal")).status_code


async def test_options_count_while_they_are_ticked_and_nothing_is_kept(
    ctx: Context, sent: int, guest: httpx.AsyncClient
) -> None:
    url = f"{_path(quote_link(ctx, sent))}/total"
    option = await ctx.db.value("SELECT id FROM orders_quote_line WHERE is_optional")
    form = {"name": "Tom", f"option.{option}": "1", "option.x": "1", "option.9" + "9" * 40: "1"}
    whole = await guest.post(url, data=form)
    assert (200, True) == (whole.status_code, "€11,258.73" in whole.text)  # 10,212 and 10.25 %
    assert 'value="Tom"' in whole.text
    assert re.search(rf'name="option\.{option}" value="1" checked', whole.text)
    part = await guest.post(
        url, data={"name": ""}, headers={"HX-Request": "true", "HX-Request-Type": "partial"}
    )
    assert "€10,630.31" in part.text
    assert "<html" not in part.text
    assert not await ctx.db.value("SELECT bool_or(is_chosen) FROM orders_quote_line")
    # Nobody's name was entered: the page keeps what was ticked.
    again = await guest.post(url.replace("/total", "/acceptance"), data={f"option.{option}": "1"})
    assert (422, True) == (again.status_code, "€11,258.73" in again.text)


async def test_another_site_accepts_nothing_for_a_client(
    ctx: Context, sent: int, guest: httpx.AsyncClient
) -> None:
    path = _path(quote_link(ctx, sent))
    for header in ({"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for end in ("acceptance", "refusal"):
            answer = await guest.post(f"{path}/{end}", data={"name": "Tom"}, headers=header)
            assert 403 == answer.status_code
    assert ("sent", 0) == ((await ctx.get("orders.quote", sent))["state"], await _orders(ctx))


async def test_what_was_sent_is_not_changed(ctx: Context, sent: int) -> None:
    line = await ctx.db.value("SELECT min(id) FROM orders_quote_line")
    with pytest.raises(Veto):
        await ctx.save("orders.quote_line", line, quantity=Decimal(1))
    with pytest.raises(Veto):
        await ctx.trash("orders.quote_line", line)
    with pytest.raises(Veto):
        await ctx.create("orders.quote_line", quote=sent, text="More", quantity=Decimal(1))
    with pytest.raises(Veto):
        await ctx.save("orders.quote", sent, note="Another one")


async def test_names_are_texts_whatever_they_hold(
    ctx: Context, shop: dict[str, int], draft: Draft, guest: httpx.AsyncClient, act: Act
) -> None:
    evil = "<img src=x onerror=alert(1)>{{ 7*7 }}'\""
    await ctx.save("crm.company", shop["company"], name=evil)
    await ctx.save("orders.product", shop["pro"], name=evil)
    quote = await ctx.create(
        "orders.quote", company=shop["company"], person=shop["person"], currency="EUR", note=evil
    )
    for optional in (False, True):
        await ctx.create(
            "orders.quote_line", quote=quote, product=shop["pro"], quantity=Decimal(1),
            is_optional=optional,
        )  # fmt: skip
    await act("orders.quote/send", quote)
    path = _path(quote_link(ctx, quote))
    order = await draft(client_number=evil)
    await act("orders.order/confirm", order)
    delivery = await act("orders.order/deliver", order)
    await ctx.save("orders.delivery", delivery, carrier=evil, tracking=evil)
    pages = [
        await guest.get(path),
        await guest.post(f"{path}/total", data={"name": evil}),
        await guest.get(_path(status_link(ctx, order, 1))),
    ]
    assert 303 == (await guest.post(f"{path}/acceptance", data={"name": evil})).status_code
    for page in (*pages, await guest.get(path)):
        assert 200 == page.status_code
        assert "<img" not in page.text
        assert "{{ 7*7 }}" in page.text


async def test_a_link_that_was_tampered_with_leads_nowhere(
    ctx: Context, sent: int, guest: httpx.AsyncClient
) -> None:
    path = _path(quote_link(ctx, sent))
    other = path.replace(f"/{sent}.", f"/{sent + 1}.")
    for wrong in (other, path[:-1] + ("0" if path[-1] != "0" else "1"), "/orders/quotes/x",
                  path.replace("quotes", "status")):  # fmt: skip
        for method in ("GET", "POST"):
            url = wrong if method == "GET" else f"{wrong}/acceptance"
            answer = await guest.request(method, url)
            assert answer.status_code in {404, 405}, (method, wrong)
            assert "GTX" not in answer.text
    assert 0 == await _orders(ctx)


@pytest.mark.parametrize("end", ["expired", "superseded", "refused"])
async def test_a_quote_that_has_ended_says_why_and_is_not_accepted(
    ctx: Context, sent: int, guest: httpx.AsyncClient, act: Act, end: str
) -> None:
    path = _path(quote_link(ctx, sent))
    if end == "expired":
        past = ctx.now().date() - timedelta(days=2)
        await ctx.db.execute("UPDATE orders_quote SET valid_until = $1", past)
    elif end == "superseded":
        await act("orders.quote/revise", sent)
    else:
        assert 303 == (await guest.post(f"{path}/refusal", data={"reason": "Dear"})).status_code
    page = await guest.get(path)
    assert 410 == page.status_code
    assert "Accept and order" not in page.text
    answer = await guest.post(f"{path}/acceptance", data={"name": "Tom"})
    assert 409 == answer.status_code
    assert 0 == await _orders(ctx)


async def test_a_question_becomes_one_task_of_the_owner(
    ctx: Context, sent: int, guest: httpx.AsyncClient
) -> None:
    path = _path(quote_link(ctx, sent))
    assert 409 == (await guest.post(f"{path}/question", data={"question": " "})).status_code
    for _ in range(2):
        asked = await guest.post(f"{path}/question", data={"question": "Does it <i>fit</i>?"})
        assert 303 == asked.status_code
    assert "We got your question" in (await guest.get(asked.headers["location"])).text
    (task,) = await ctx.db.rows("SELECT * FROM crm_activity WHERE subject LIKE 'Question on%'")
    assert ("Does it <i>fit</i>?", 9001, "task") == (task["body"], task["owner"], task["kind"])
    assert 1 == await ctx.db.value(
        "SELECT count(*) FROM core_notification WHERE kind = 'orders.client' AND user_id = 9001"
    )
    for number in range(12):
        last = await guest.post(f"{path}/question", data={"question": f"And {number}?"})
    assert 409 == last.status_code


async def test_a_status_link_shows_the_order_until_it_is_ended(
    ctx: Context, draft: Draft, guest: httpx.AsyncClient, act: Act
) -> None:
    order = await draft()
    assert 404 == (await guest.get(_path(status_link(ctx, order, 1)))).status_code
    await act("orders.order/confirm", order)
    path = _path(status_link(ctx, order, 1))
    page = await guest.get(path)
    assert 200 == page.status_code
    assert "Prepare" in page.text
    assert "4,821" not in page.text  # prices only where the settings say so
    assert "Anna" not in page.text
    await act("orders.order/end-links", order)
    assert 410 == (await guest.get(path)).status_code
    assert 200 == (await guest.get(_path(status_link(ctx, order, 2)))).status_code


async def test_clients_see_prices_and_staff_where_the_settings_say_so(
    ctx: Context, draft: Draft, guest: httpx.AsyncClient, act: Act, decide: Decide
) -> None:
    decide(clients_see_prices=True, clients_see_staff=True)
    order = await draft(kit=0)
    await act("orders.order/confirm", order)
    page = await guest.get(_path(status_link(ctx, order, 1)))
    assert "€10,630.31" in page.text
    assert "Anna Snelling" in page.text


async def test_a_change_is_shown_when_it_is_confirmed(
    ctx: Context, draft: Draft, guest: httpx.AsyncClient, act: Act, decide: Decide
) -> None:
    decide(clients_see_prices=True)
    order = await draft(kit=0)
    await act("orders.order/confirm", order)
    line = await ctx.db.value("SELECT id FROM orders_order_line")
    await ctx.save("orders.order_line", line, quantity=Decimal(3))
    path = _path(status_link(ctx, order, 1))
    assert "€10,630.31" in (await guest.get(path)).text
    assert "€10,630.31" in str((await order_values(ctx, order))["totals"])
    await act("orders.order/confirm-changes", order)
    assert "€15,945.46" in (await guest.get(path)).text


async def test_who_works_on_it_finds_the_clients_link(
    site: Running, ctx: Context, sent: int, draft: Draft, act: Act
) -> None:
    order = await draft()
    await act("orders.order/confirm", order)
    boss, reader = await site.client(), await site.client("read-only")
    for url, link in (
        (f"/orders.quote/{sent}", quote_link(ctx, sent)),
        (f"/orders.order/{order}", status_link(ctx, order, 1)),
    ):
        assert link in (await boss.get(url)).text
        answer = await reader.get(url)
        assert 200 == answer.status_code
        assert link not in answer.text


async def test_the_page_and_the_mail_speak_the_clients_language(
    ctx: Context, shop: dict[str, int], draft: Draft, guest: httpx.AsyncClient, act: Act
) -> None:
    await ctx.save("crm.person", shop["person"], language="Russian")
    order = await draft()
    await act("orders.order/confirm", order)
    page = await guest.get(_path(status_link(ctx, order, 1)))
    assert "Заказ" in page.text
    subject = await ctx.db.value("SELECT subject FROM core_message")
    assert subject.startswith("Заказ")


async def test_papers_hold_the_totals(ctx: Context, sent: int, draft: Draft, act: Act) -> None:
    values = await quote_values(ctx, sent)
    assert "€10,630.31" in str(values["totals"])  # 9,642 and 10.25 %
    assert ["Installation"] == [row[0] for row in values["options"]]
    order = await draft(kit=0)
    await act("orders.order/confirm", order)
    assert "€10,630.31" in str((await order_values(ctx, order))["totals"])
    delivery = await act("orders.order/deliver", order)
    assert [["GTX Pro", "2"]] == (await slip_values(ctx, delivery))["rows"]
    assert [] == (await slip_values(ctx, delivery))["totals"]


async def test_papers_are_made_in_the_clients_language(
    site: Running, ctx: Context, shop: dict[str, int], sent: int, draft: Draft, act: Act
) -> None:
    await ctx.db.execute("DELETE FROM core_document")
    await ctx.save("crm.person", shop["person"], language="Russian")
    order = await draft()
    await act("orders.order/confirm", order)
    delivery = await act("orders.order/deliver", order)
    wanted = ("orders.quote/quotation", sent), ("orders.order/confirmation", order), (
        "orders.delivery/packing-slip", delivery)  # fmt: skip
    for action, record in wanted:
        entity, _slash, name = action.partition("/")
        await run_action(ctx, ctx.site.entity(entity), name, record, {})
    await site.work()
    rows = await ctx.db.rows("SELECT * FROM core_document ORDER BY id")
    assert [("made", "", "ru")] * 3 == [(r["state"], r["error"], r["language"]) for r in rows]
    assert all(row["content"].startswith(b"%PDF-") for row in rows)


async def test_the_paper_prints_lines_options_and_totals(ctx: Context, sent: int) -> None:
    data = {
        "title": "Quotation", "language": "en", "date": "", "site": {"name": "", "address": ""},
        "texts": {"page": "Page {page} of {pages}"},
        "values": await quote_values(ctx, sent),
    }  # fmt: skip
    paper = typst.Compiler(
        input=str(Path(crmkit_orders.__file__).parent / "documents" / "paper.typ"),
        package_path=str(_PACKAGES), ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(data)},
    )  # fmt: skip
    printed = json.dumps(json.loads(paper.query("table")), ensure_ascii=False)
    for text in ("GTX Pro", "Options", "Installation", "€10,630.31", "€988.31"):
        assert text in printed, text
