"""What each system's pages send for an action, as ready requests."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

from bench.client import BenchError, Browser, get, post
from crmkit.cli.samples import RARE, people
from crmkit.web.services import sign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.client import Request
    from bench.measure import Action
    from bench.site import BenchSite, Person

_WALKED = 40
_NEXT = re.compile(r'<a[^>]*id="page-next"[^>]*href="([^"]*)"')
_DJANGO_TOKEN = "b" * 32
#: Names of another seed: as like those of the site as names of one country are.
_NEW = tuple(person.name for person in people(500, 1, 3))


def _cycle(requests: Sequence[Request]) -> Action:
    return lambda number: (requests[number % len(requests)],)


def _typed(number: int, salt: str) -> dict[str, str]:
    """Answer a new person; each number has another address and phone."""
    return {
        "name": _NEW[number % len(_NEW)],
        "email": f"nora{salt}{number}@bench.example",
        "phone": f"+49 40 {number:07}",
        "city": "Kiel",
    }


async def walk(browser: Browser, path: str, *, partial: bool) -> list[Request]:
    """Follow the links to the next page and answer them as requests.

    Raises:
        BenchError: The first page has no next one.
    """
    found: list[Request] = []
    page = get(path)
    while len(found) < _WALKED:
        link = _NEXT.search((await browser.send(page)).text)
        if link is None:
            break
        page = get(unescape(link[1]), partial=partial)
        found.append(page)
    await browser.close()
    if not found:
        raise BenchError(f"{path} on port {browser.port} has no next page: too few rows.")
    return found


async def crmkit_actions(site: BenchSite, person: Person, browser: Browser) -> dict[str, Action]:
    """Answer what the pages of crmkit send."""
    token = sign(person.token, "csrf")

    def create(number: int) -> Sequence[Request]:
        typed = _typed(number, person.role[0])
        return (
            post("/crm.person/similar", typed, partial=True, expected=200, token=token),
            post("/crm.person/new", typed, token=token),
        )

    return {
        "list": _cycle([get("/crm.person")]),
        "further": _cycle(await walk(browser, "/crm.person", partial=True)),
        "filter": _cycle([get("/crm.person", q=term.lower()) for term in RARE]),
        "record": _cycle([get(f"/crm.person/{record}") for record in site.records]),
        "create": create,
        "search": _cycle([get("/search", partial=True, q=term.lower()) for term in RARE]),
    }


async def floor_actions(site: BenchSite, person: Person, browser: Browser) -> dict[str, Action]:
    """Answer the same for the floor."""

    def create(number: int) -> Sequence[Request]:
        typed = _typed(number, person.role[0] + "f")
        return post("/similar", typed, expected=200), post("/new", typed)

    return {
        "list": _cycle([get("/list")]),
        "further": _cycle(await walk(browser, "/list", partial=False)),
        "filter": _cycle([get("/list", q=term.lower()) for term in RARE]),
        "record": _cycle([get("/record", id=str(record)) for record in site.records]),
        "create": create,
        "search": _cycle([get("/search", q=term.lower()) for term in RARE]),
    }


async def django_actions(site: BenchSite, person: Person, browser: Browser) -> dict[str, Action]:
    """Answer the same for the peer; it has no search in all tables and no check on creation."""
    base = "/admin/sales/person/"
    empty = {
        "job_title": "", "company": "", "owner": str(person.user_id), "team": "",
        "note_set-TOTAL_FORMS": "0", "note_set-INITIAL_FORMS": "0", "note_set-MIN_NUM_FORMS": "0",
        "note_set-MAX_NUM_FORMS": "1000", "csrfmiddlewaretoken": _DJANGO_TOKEN, "_save": "Save",
    }  # fmt: skip

    def create(number: int) -> Sequence[Request]:
        typed: dict[str, Any] = {**_typed(number, person.role[0]), **empty}
        return (post(f"{base}add/", typed, expected=302),)

    await browser.send(get(base, o="1"))
    await browser.close()
    return {
        "list": _cycle([get(base, o="1")]),
        "further": _cycle([get(base, o="1", p=str(page)) for page in range(2, _WALKED + 2)]),
        "filter": _cycle([get(base, q=term.lower()) for term in RARE]),
        "record": _cycle([get(f"{base}{record}/change/") for record in site.records]),
        "create": create,
    }


def django_export(path: str) -> Request:
    """Answer how the peer is asked for all people as CSV."""
    fields = {"format": "0", "resource": "0", "csrfmiddlewaretoken": _DJANGO_TOKEN}
    return post(path, fields, expected=200)


def django_cookie(person: Person) -> str:
    """Answer the cookies of the peer: the session, and the token against forged forms."""
    return f"sessionid={person.django}; csrftoken={_DJANGO_TOKEN}"
