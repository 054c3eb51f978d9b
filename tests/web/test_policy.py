from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from litestar import get

from crmkit.web.app import create_app
from crmkit.web.policy import PUBLIC, PolicyMissingError, fits, list_routes

if TYPE_CHECKING:
    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site
    from tests.web.conftest import Browse


def test_every_route_has_a_policy(site: Site, db: Database, config: Config) -> None:
    lines = list_routes(create_app(site, db, config))
    assert [] == [line for line in lines if not fits(site, line.policy)]
    public = {line.path for line in lines if line.policy == PUBLIC}
    # A stylesheet holds colours, which the sign-in page needs too.
    theme = "/theme/{name:str}"
    way = "/login/with/{name:str}"
    # A calendar feed is known by its secret; programs that show calendars cannot sign in.
    feed = "/calendar/{name:str}"
    # Other systems tell of events there, known by the token and their signature.
    hook = "/hooks/{token:str}"
    # Clients have no account; the link they were sent is signed.
    quote = "/orders/quotes/{token:str}"
    clients = {quote, f"{quote}/total", f"{quote}/acceptance", f"{quote}/refusal",
               "/orders/status/{token:str}"}  # fmt: skip
    page = "/orders/clients/{token:str}"
    clients |= {f"{quote}/question", page, f"{page}/orders/{{number:int}}",
                f"{page}/papers/{{kind:str}}/{{number:int}}",
                f"{page}/agreements/{{number:int}}"}  # fmt: skip
    site_own = {"/healthz", "/readyz", "/login", way, "/setup/{token:str}", theme, feed, hook}
    assert site_own | clients == public


@pytest.mark.parametrize("policy", ["", "anybody"])
def test_a_route_without_a_policy_stops_the_build(
    site: Site, db: Database, config: Config, policy: str
) -> None:
    @get("/open", sync_to_thread=False, policy=policy)
    def open_show() -> str:
        return ""

    with pytest.raises(PolicyMissingError, match="/open"):
        create_app(site, db, config, more=[open_show])


async def test_nobody_is_sent_to_sign_in(browse: Browse) -> None:
    answer = await (await browse("")).get("/crm.person?q=a")
    assert 303 == answer.status_code
    assert "/login?next=/crm.person%3Fq%3Da" == answer.headers["location"]


async def test_a_form_without_the_token_is_refused(browse: Browse) -> None:
    client = await browse("administrator")
    allowed = await client.post("/crm.company/new", data={"name": "Labdrill"})
    del client.headers["X-CSRF-Token"]
    refused = await client.post("/crm.company/new", data={"name": "Labdrill"})
    assert 303 == allowed.status_code
    assert 403 == refused.status_code


async def test_a_form_of_another_site_is_refused(browse: Browse) -> None:
    client = await browse("administrator")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await client.post("/crm.company/new", data={"name": "X"}, headers=headers)
        assert 403 == answer.status_code
