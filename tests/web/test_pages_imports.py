from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.config import Config as SiteConfig
    from tests.web.conftest import Browse

_CSV = b"account,office\nLabdrill,Berlin\nKan-code,Bonn\n"


@pytest.fixture
def config(config: SiteConfig, tmp_path: Path) -> SiteConfig:
    return msgspec.structs.replace(config, folder=tmp_path)


async def test_nothing_is_written_before_the_run(browse: Browse) -> None:
    client = await browse("administrator")
    sent = await client.post("/crm.company/import", files={"file": ("a.csv", _CSV)})
    url = sent.headers["location"]
    page = await client.get(url)
    before = await client.get("/crm.company")
    result = await client.post(url, data={"map.0": "name", "map.1": "city", "run": "1"})
    after = await client.get("/crm.company")

    assert 200 == page.status_code
    assert re.search(r'value="name" selected', page.text)
    assert "Kan-code" not in before.text
    assert 200 == result.status_code
    assert "Kan-code" in after.text


async def test_an_upload_belongs_to_who_sent_it(browse: Browse) -> None:
    anna, bob = await browse("administrator"), await browse("administrator")
    sent = await anna.post("/crm.company/import", files={"file": ("a.csv", _CSV)})
    foreign = await bob.get(sent.headers["location"])
    assert 404 == foreign.status_code


async def test_an_empty_file_is_refused_in_the_form(browse: Browse) -> None:
    client = await browse("administrator")
    answer = await client.post("/crm.company/import", files={"file": ("a.csv", b"")})
    assert 422 == answer.status_code
    assert "empty" in answer.text
