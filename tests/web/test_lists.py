"""Pages of lists: bad addresses are answered with a sentence, and rows cost no statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.db.engine import Database
    from tests.conftest import Browse, Make

_DAMAGED = "The page mark in the address is damaged"
_UNFIT = "The page mark in the address does not fit"
_BAD = [
    ("after=tampered", _DAMAGED),
    ("before=WyJ4IiwxXQx", _DAMAGED),
    ("after=%00", _DAMAGED),
    ("after=10000", _DAMAGED),
    ("sort=created_at&after=WyJ4IiwxXQ", _UNFIT),
    ("sort=none", "no field to sort"),
    ("sort=phone", "no field to sort"),
    ("f=none:is:1", "no field to filter by"),
    ("f=phone:is:1", "no field to filter by"),
    ("f=name:none:1", "no way to filter"),
    ("f=name:contains:", "has no text to look for"),
    ("f=name:contains:%20", "has no text to look for"),
    ("f=due_at:over:yesterday", "has a value that does not fit"),
]


class _Counted:
    """Counts the statements of a database."""

    def __init__(self, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[str] = []
        call = db._call

        async def counted(method: str, sql: str, args: Sequence[Any], *, retry: bool) -> Any:  # noqa: ANN401
            self.sent.append(sql)
            return await call(method, sql, args, retry=retry)

        monkeypatch.setattr(db, "_call", counted)


@pytest.mark.parametrize(("query", "reason"), _BAD)
async def test_a_bad_address_is_refused_before_any_row_is_read(
    browse: Browse, db: Database, monkeypatch: pytest.MonkeyPatch, query: str, reason: str
) -> None:
    page = await browse("seller")
    counted = _Counted(db, monkeypatch)
    entity = "crm.activity" if "due_at" in query else "crm.person"
    answer = await page.get(f"/{entity}?{query}")

    assert 422 == answer.status_code
    assert reason in answer.text
    # The session, and at most the statement that the database itself refused.
    assert 2 >= len(counted.sent)


@pytest.mark.parametrize("path", ["/crm.person", "/search"])
async def test_a_search_of_50_kb_is_answered_by_its_beginning(
    browse: Browse, db: Database, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    page = await browse("seller")
    counted = _Counted(db, monkeypatch)
    answer = await page.get(path, params={"q": "ab" * 25_000})

    assert 200 == answer.status_code
    assert 4 >= len(counted.sent)
    assert 60_000 > len(answer.content)


@pytest.mark.parametrize("path", ["/crm.person", "/crm.company", "/crm.opportunity/board", "/"])
async def test_the_statements_of_a_page_do_not_depend_on_its_rows(
    browse: Browse, make: Make, db: Database, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    page = await browse("administrator")

    async def rows(begin: int, end: int) -> None:
        for number in range(begin, end):
            company = await make("crm.company", name=f"Company {number}")
            await make("crm.person", name=f"Person {number}", company=company, phone="+49 40 1")
            await make("crm.opportunity", name=f"Deal {number}", company=company)

    await rows(0, 1)
    await page.get(path)
    counted = _Counted(db, monkeypatch)
    assert 200 == (await page.get(path)).status_code
    few = len(counted.sent)
    await rows(1, 12)
    counted.sent.clear()
    assert 200 == (await page.get(path)).status_code
    assert few == len(counted.sent)


async def test_the_statements_of_a_record_do_not_depend_on_its_history(
    browse: Browse, make: Make, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await browse("administrator")
    company = await make("crm.company", name="Kan-code")

    async def history(number: int) -> None:
        for each in range(number):
            await make("crm.person", name=f"Person {each}", company=company)
            await make("crm.activity", subject=f"Call {each}", kind="call", company=company)

    await history(6)  # more than a panel shows are counted, which is a statement of its own
    counted = _Counted(db, monkeypatch)
    await page.get(f"/crm.company/{company}")
    few = len(counted.sent)
    await history(9)
    counted.sent.clear()
    assert 200 == (await page.get(f"/crm.company/{company}")).status_code
    assert few == len(counted.sent)
