from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.web.conftest import Browse

_PATHS = ("/", "/login", "/crm.person", "/nope", "/crm.person/0", "/static/nope.css", "/healthz")


@pytest.mark.parametrize("path", _PATHS)
async def test_every_answer_has_the_headers(browse: Browse, path: str) -> None:
    answer = await (await browse("administrator")).get(path)

    assert "nosniff" == answer.headers["x-content-type-options"]
    assert "same-origin" == answer.headers["cross-origin-opener-policy"]
    assert "no-store" == answer.headers["cache-control"]
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'nonce-")
    assert "unsafe" not in policy
    assert "server" not in answer.headers


async def test_each_answer_has_its_own_nonce_and_uses_it(browse: Browse) -> None:
    client = await browse("administrator")
    nonces = []
    for _ in range(2):
        answer = await client.get("/")
        found = re.search(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
        assert found is not None
        assert f'nonce="{found[1]}"' in answer.text
        nonces.append(found[1])
    assert nonces[0] != nonces[1]


async def test_a_foreign_host_is_refused(browse: Browse) -> None:
    answer = await (await browse("")).get("/login", headers={"Host": "evil.example"})
    assert 421 == answer.status_code


async def test_options_reaches_no_handler(browse: Browse) -> None:
    answer = await (await browse("")).request("OPTIONS", "/login")
    assert 405 == answer.status_code
    assert "GET, HEAD, POST" == answer.headers["allow"]
