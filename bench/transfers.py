"""The two actions people leave over: a large file in, everything out."""

from __future__ import annotations

import asyncio
import re
import time
from html import unescape
from itertools import islice
from typing import TYPE_CHECKING

from bench.client import BenchError, Browser, get, post, upload
from bench.measure import Figures
from crmkit.cli.samples import people
from crmkit.web.services import sign

if TYPE_CHECKING:
    from bench.site import Person
    from bench.statements import StatementCounter

#: Samples of another seed than the site's.
_SEED = 2
_KNOWN = 10
#: As often as the page of crmkit looks how far an import is.
_POLL_SECONDS = 0.5
_SELECT = re.compile(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', re.DOTALL)
_CHOSEN = re.compile(r'<option value="([^"]*)" selected')
_INPUT = re.compile(r"<input[^>]*>")
_ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')


#: Rows of people who are in the file and not in the site.
COUNT_NEW = "SELECT count(*) FROM {} WHERE email LIKE 'new%@import.example'"


def count_new(number: int) -> int:
    """Answer how many people of a file are new."""
    return number - number // _KNOWN


def import_file(number: int, companies: int, here: int) -> bytes:
    """Make a CSV file: name, e-mail, phone, city; one row in ten is a person as the site has it.

    Args:
        companies: Of the site, which the samples depend on, as they do on
        here: how many people the site has.
    """
    lines = ["name,email,phone,city"]
    known = islice(people(here, companies, 1), number // _KNOWN)
    for index, person in enumerate(people(count_new(number), companies, _SEED)):
        new = f"new{index}@import.example"
        lines.append(f"{person.name},{new},+7 495 {1_000_000 + index},{person.city}")
    lines += [f"{person.name},{person.email},{person.phone},{person.city}" for person in known]
    return "\n".join([*lines, ""]).encode()


def form_fields(page: str) -> dict[str, str]:
    """Answer what a browser sends of the form on a page as it stands."""
    found = {}
    for tag in _INPUT.findall(page):
        words = dict(_ATTRIBUTE.findall(tag))
        if words.get("type") in {"radio", "checkbox"} and " checked" not in tag:
            continue
        if "name" in words and words.get("type") != "submit":
            found[words["name"]] = unescape(words.get("value", ""))
    for name, options in _SELECT.findall(page):
        chosen = _CHOSEN.search(options)
        first = re.search(r'<option value="([^"]*)"', options)
        picked = chosen or first
        found[name] = unescape(picked[1]) if picked else ""
    return found


async def crmkit_import(browser: Browser, person: Person, data: bytes) -> str:
    """Import as a person does: send, look, press the button, wait; answer the last page."""
    token = sign(person.token, "csrf")
    sent = upload("/crm.person/import", {}, data, expected=303, token=token)
    place = (await browser.send(sent)).headers["location"]
    look = (await browser.send(get(place))).text
    fields = {**form_fields(look), "run": "1"}
    fields["key"] = "email"
    run = (await browser.send(post(place, fields, token=token))).headers["location"]
    while True:
        page = (await browser.send(get(run))).text
        if 'id="progress"' not in page:
            return page
        await asyncio.sleep(_POLL_SECONDS / 10)


async def django_import(browser: Browser, _person: Person, data: bytes) -> str:
    """Import as Django's admin does: send, look, confirm."""
    url = "/admin/sales/person/import/"
    token = {"csrfmiddlewaretoken": "b" * 32}
    formats = (await browser.send(get(url))).text
    csv = re.search(r'<option value="(\d+)"[^>]*>csv', formats)
    fields = {**token, "format": csv[1] if csv else "0", "resource": "", "@file": "import_file"}
    sent = upload(url, fields, data, expected=200, token="")
    look = (await browser.send(sent)).text
    if "process_import" not in look:
        raise BenchError(f"Django's admin does not offer to confirm the import: {look[:3000]}")
    confirmed = post("/admin/sales/person/process_import/", {**form_fields(look), **token},
                     expected=302)  # fmt: skip
    return (await browser.send(confirmed)).text


async def measure_import(
    browser: Browser, person: Person, data: bytes, counter: StatementCounter
) -> Figures:
    """Time an import of crmkit or, by its cookie, of the peer, in seconds."""
    work = django_import if browser.cookie.startswith("sessionid") else crmkit_import
    before = await counter.read()
    began = time.perf_counter()
    await work(browser, person, data)
    seconds = time.perf_counter() - began
    return Figures(p50=seconds, statements=await counter.read() - before, kib=len(data) / 1024)
