"""Merging from the pages, with nothing but forms and links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from crmkit.model.context import Context

    Browse = Callable[[str], Awaitable[httpx.AsyncClient]]
    Make = Callable[..., Awaitable[int]]


async def _pair(make: Make) -> tuple[int, int]:
    kept = await make("crm.company", name="Kan-code", city="Berlin", country="Germany")
    gone = await make("crm.company", name="Kancode", city="Bonn", country="Germany", founded=1999)
    await make("crm.person", name="Tom", company=gone)
    return kept, gone


async def test_a_record_offers_it_to_who_may_edit_and_delete(make: Make, browse: Browse) -> None:
    kept, _gone = await _pair(make)
    user = await make("core.user", name="Eve")
    boss = await browse("administrator")
    link = f'href="/crm.company/{kept}/merge"'
    assert link in (await boss.get(f"/crm.company/{kept}")).text
    assert link not in (await (await browse("read-only")).get(f"/crm.company/{kept}")).text
    assert f"/core.user/{user}/merge" not in (await boss.get(f"/core.user/{user}")).text
    assert 409 == (await boss.get(f"/core.user/{user}/merge")).status_code
    for role, status in (("read-only", 403), ("seller", 404)):
        client = await browse(role)
        assert status == (await client.get(f"/crm.company/{kept}/merge")).status_code
        assert status == (await client.post(f"/crm.company/{kept}/merge")).status_code


async def test_the_other_record_is_chosen_typed_or_taken_from_what_is_similar(
    make: Make, browse: Browse
) -> None:
    kept, gone = await _pair(make)
    boss = await browse("administrator")
    url = f"/crm.company/{kept}/merge"
    page = (await boss.get(url)).text
    assert f'href="{url}?with={gone}"' in page
    assert 'data-ref="/crm.company/lookup"' in page
    assert f'href="{url}?with={kept}"' not in page
    for query in (f"with={gone}", "with=&with.title=kancode"):
        assert "Merge two records" in (await boss.get(f"{url}?{query}")).text
    for query in ("with.title=Nobody", f"with={kept}", "with=x", "with=9e9", "with.title=%00"):
        refused = await boss.get(f"{url}?{query}")
        assert 422 == refused.status_code, query
        assert "No single other record" in refused.text
    assert 404 == (await boss.get(f"{url}?with=999999999")).status_code


async def test_both_stand_side_by_side_with_what_moves(make: Make, browse: Browse) -> None:
    kept, gone = await _pair(make)
    boss = await browse("administrator")
    page = (await boss.get(f"/crm.company/{kept}/merge?with={gone}")).text
    assert 'name="take.name" value="kept" checked' in page
    # The kept one's is empty, so the other's is offered.
    assert 'name="take.founded" value="gone" checked' in page
    assert 'name="take.country"' not in page
    assert 1 == page.count("Germany")
    assert re.search(r"People: company</span><span [^>]*>1<", page)
    assert f'href="/crm.company/{gone}/merge?with={kept}"' in page


async def test_a_merge_leads_to_the_kept_record_and_can_be_undone(
    make: Make, browse: Browse, admin: Context
) -> None:
    kept, gone = await _pair(make)
    boss = await browse("administrator")
    sent = {"with": gone, "version": 1, "version.with": 1, "take.city": "gone",
            "take.founded": "kept"}  # fmt: skip
    done = await boss.post(f"/crm.company/{kept}/merge", data=sent)
    assert (303, f"/crm.company/{kept}") == (done.status_code, done.headers["location"])
    page = (await boss.get(f"/crm.company/{kept}")).text
    assert "merged Kancode into this record" in page
    assert "Tom" in page
    undo = re.search(r'action="(/history/\d+/undo)"', page)
    assert undo is not None
    stored = await admin.get("crm.company", kept)
    assert ("Bonn", None) == (stored["city"], stored["founded"])

    led = await boss.get(f"/crm.company/{gone}")
    assert (303, f"/crm.company/{kept}") == (led.status_code, led.headers["location"])
    assert "was merged into this one" in (await boss.get(led.headers["location"])).text
    assert "merged: Company" in (await boss.get("/history")).text

    assert 303 == (await boss.post(undo[1])).status_code
    assert 200 == (await boss.get(f"/crm.company/{gone}")).status_code
    assert "parted Kancode again" in (await boss.get(f"/crm.company/{kept}")).text


async def test_who_may_not_see_the_kept_record_is_not_led_to_it(
    make: Make, browse: Browse, admin: Context
) -> None:
    kept, gone = [await make("crm.opportunity", name=name) for name in ("Secretive", "GTX")]
    boss = await browse("administrator")
    await boss.post(f"/crm.opportunity/{kept}/merge", data={"with": gone})
    seller = await browse("seller")
    assert 404 == (await seller.get(f"/crm.opportunity/{gone}")).status_code
    user = await admin.db.value("SELECT max(id) FROM core_user")
    await admin.db.execute("UPDATE crm_opportunity SET owner = $1 WHERE id = $2", user, gone)
    assert "Secretive" not in (await seller.get(f"/crm.opportunity/{gone}")).text


async def test_what_was_chosen_stays_when_it_is_refused(
    make: Make, browse: Browse, admin: Context
) -> None:
    kept, gone = await _pair(make)
    boss = await browse("administrator")
    url = f"/crm.company/{kept}/merge"
    sent = {"with": gone, "version": 1, "version.with": 1, "take.city": "gone"}
    await admin.save("crm.company", gone, notes="New")
    stale = await boss.post(url, data=sent)
    assert 409 == stale.status_code
    assert 'name="take.city" value="gone" checked' in stale.text
    assert 'name="version.with" value="2"' in stale.text
    assert "New" in stale.text
    wrong = await boss.post(url, data={**sent, "version.with": 2, "take.city": "both"})
    assert 422 == wrong.status_code
    assert "City is nothing to choose here." in wrong.text
    assert 422 == (await boss.post(url, data={})).status_code
    assert 0 == await admin.db.value("SELECT count(*) FROM core_merged")


async def test_markup_in_a_value_is_text(make: Make, browse: Browse) -> None:
    kept = await make("crm.company", name="<b>A</b>", city="<i>x</i>")
    gone = await make("crm.company", name="<b>B</b>")
    boss = await browse("administrator")
    for query in ("", f"?with={gone}"):
        page = (await boss.get(f"/crm.company/{kept}/merge{query}")).text
        assert "<b>" not in page
        assert "<i>x" not in page
    await boss.post(f"/crm.company/{kept}/merge", data={"with": gone})
    assert "<b>" not in (await boss.get(f"/crm.company/{kept}")).text
