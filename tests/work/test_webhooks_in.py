"""Webhooks in: whoever may tell is heard once, in one transaction; others leave a line in a log."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from crmkit.errors import NotFoundError
from crmkit.work import incoming_hooks
from crmkit.work.hooks import add_hook, list_hooks, renew_hook
from crmkit.work.incoming_hooks import list_hook_calls, run_call_again
from crmkit.work.signing import make_secret, sign, verify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from crmkit.testing.fixtures import Clock
    from crmkit.testing.sites import Place, Running

_MANIFEST = 'id = "ear"\nname = "ear"\nversion = "1"\ncrmkit = ">=1"\ndefault = true\n'
_EAR = """
heard = []


class Ear(Plugin):
    listens = ("core.hook.received",)

    async def on_event(self, event):
        heard.append(event.data)
"""


class Sender:
    """Another system, and the site it tells."""

    def __init__(self, running: Running, client: httpx.AsyncClient, made: tuple[Any, ...]) -> None:
        self.running, self.client = running, client
        self.number, token, self.secret = made
        self.url = f"/hooks/{token}"

    async def tell(self, body: bytes, message_id: str = "msg_1", **more: Any) -> int:  # noqa: ANN401
        """Send a body, signed unless a signature is given; answer the status."""
        moment = int(self.running.ctx.now().timestamp()) + int(more.get("late", 0))
        headers = {"webhook-id": message_id, "webhook-timestamp": str(moment)}
        signature = more.get("signature", sign(self.secret, message_id, moment, body))
        headers |= {"webhook-signature": signature, "content-type": "application/json"}
        answer = await self.client.post(more.get("url", self.url), content=body, headers=headers)
        return answer.status_code

    async def heard(self) -> list[dict[str, Any]]:
        """Run what waits and answer what the plugin heard."""
        await self.running.work()
        plugin = self.running.site.hooks.plugins["ear"]
        found: list[dict[str, Any]] = sys.modules[type(plugin).__module__].heard
        return found

    async def states(self) -> list[str]:
        """Answer the log, oldest first."""
        return [each.state for each in await list_hook_calls(self.running.ctx, self.number)][::-1]


@pytest.fixture
async def sender(place: Place) -> AsyncIterator[Sender]:
    place.write("ear", _EAR, _MANIFEST)
    async with place.start() as running:
        client = await running.client()
        client.cookies.clear()
        del client.headers["X-CSRF-Token"]
        yield Sender(running, client, await add_hook(running.ctx, "Shop"))


async def test_what_is_told_is_heard_once_and_a_repeated_one_does_nothing(sender: Sender) -> None:
    body = b'{"order": 7, "note": "a\\u0000b"}'
    assert [200, 200] == [await sender.tell(body) for _ in range(2)]
    (data,) = await sender.heard()
    assert {
        "hook": "Shop", "hook_id": sender.number, "call": 1, "id": "msg_1", "is_json": True,
        "content_type": "application/json", "body": {"order": 7, "note": "a\ufffdb"},
    } == data  # fmt: skip
    assert ["received", "repeated"] == await sender.states()
    assert body == await sender.running.db.value("SELECT body FROM core_hook_call WHERE id = 1")


async def test_who_may_not_tell_is_refused_and_it_is_logged(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_secret()
    with capture_logs() as logs:
        assert 401 == await sender.tell(b"{}", signature=sign(other, "msg_1", 1, b"{}"))
        assert 401 == await sender.tell(b"{}", signature="")
        assert 401 == await sender.tell(b"{}", late=-301)
        assert 401 == await sender.tell(b"{}", late=301)
        assert 401 == await sender.tell(b"{}", "x" * 201)
        assert 413 == await sender.tell(b"x" * (256 * 1024 + 1))
        assert 404 == await sender.tell(b"{}", url="/hooks/" + "a" * 43)
        assert 405 == (await sender.client.get(sender.url)).status_code
    assert 7 == sum(each["event"] == "hook refused" for each in logs)
    assert sender.url[7:] not in str(logs)
    assert any(each.get("path") == "/hooks/" for each in logs)
    assert ["refused"] * 6 == await sender.states()
    assert 0 == await sender.running.db.value("SELECT sum(length(body)) FROM core_hook_call")
    assert [] == await sender.heard()
    assert 200 == await sender.tell(b"x" * (256 * 1024), late=-299)
    monkeypatch.setattr(incoming_hooks, "verify", lambda *_args: "")
    assert 200 == await sender.tell(b"{}", "msg_2", signature="v1,none")  # so it is what refuses


async def test_many_refusals_make_an_address_wait(sender: Sender) -> None:
    await sender.running.db.execute(
        "INSERT INTO core_limit (name) SELECT 'hook:127.0.0.1' FROM generate_series(1, 49)"
    )
    assert 200 == await sender.tell(b"{}")
    assert 401 == await sender.tell(b"{}", signature="v1,none")
    assert 429 == await sender.tell(b"{}", "msg_2")


async def test_what_cannot_be_published_is_not_received_either(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_args: Any, **_more: Any) -> None:  # noqa: ANN401
        raise ZeroDivisionError

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(incoming_hooks, "publish", broken)
        assert 500 == await sender.tell(b"{}")
    assert sender.url[7:] not in [str(each.get("path")) for each in logs]
    assert [] == await sender.states()
    assert 200 == await sender.tell(b"{}")
    assert 1 == len(await sender.heard())


async def test_any_body_is_passed_on(sender: Sender) -> None:
    bodies = (b"", b"plain \xff\x00", b"[" * 5000, b"null", b'"\\\\u0000"', b"1e400",
              b"[" * 101 + b"]" * 101, b"1" * 40)  # fmt: skip
    for number, body in enumerate(bodies):
        assert 200 == await sender.tell(body, f"msg_{number}")
    heard = await sender.heard()
    assert len(bodies) == len(heard)
    assert [False, False, False, True, True, False, False, True] == [e["is_json"] for e in heard]
    assert "plain \ufffd\ufffd" == heard[1]["body"]


async def test_administrators_make_one_see_its_log_and_run_a_message_again(
    sender: Sender,
) -> None:
    running, page = sender.running, "/settings/webhooks/incoming"
    client = await running.client()
    assert page in (await client.get("/settings/webhooks")).text
    assert "Nothing was told yet" in (await client.get(f"{page}/{sender.number}")).text
    refused = await client.post(page, data={"name": "", "secret": "whsec_x", "signed": "1"})
    assert 422 == refused.status_code
    assert "whsec_ and the base64" in refused.text
    made = await client.post(page, data={"name": "Bank"})
    found = re.search(r"http://localhost(/hooks/[\w-]{43})", made.text)
    assert found
    assert "whsec_" not in made.text  # nothing is signed: the address is the secret
    assert found[1] not in (await client.get(page)).text
    assert 200 == (await sender.client.post(found[1], content=b"paid")).status_code
    assert 200 == (await sender.client.post(found[1], content=b"paid")).status_code
    assert ["paid", "paid"] == [each["body"] for each in await sender.heard()]
    assert 303 == (await client.post(f"{page}/2/again/1")).status_code
    assert [1, 2, 1] == [each["call"] for each in await sender.heard()]
    assert "Run again" in (await client.get(f"{page}/2")).text
    with pytest.raises(NotFoundError):
        await run_call_again(running.ctx, 99)
    assert 303 == (await client.post(f"{page}/2/off")).status_code
    assert 404 == (await sender.client.post(found[1], content=b"paid")).status_code
    assert 403 == (await (await running.client("seller")).get(page)).status_code
    assert 303 == (await client.post(f"{page}/2/remove")).status_code
    assert ["Shop"] == [each.name for each in await list_hooks(running.ctx)]


async def test_a_new_secret_is_shown_once_and_the_old_one_fits_for_a_day(
    sender: Sender, clock: Clock
) -> None:
    client, body = await sender.running.client(), b"{}"
    page = f"/settings/webhooks/incoming/{sender.number}/secret"
    wrong = await client.post(page, data={"secret": "whsec_x", "keeps": "1"})
    assert (422, True) == (wrong.status_code, "whsec_ and the base64" in wrong.text)
    shown = (await client.post(page, data={"keeps": "1"})).text
    old, new = sender.secret, "whsec_" + shown.partition('value="whsec_')[2].partition('"')[0]
    assert new not in (await client.get(page)).text
    for number, (secret, hours, status) in enumerate(
        [(old, 0, 200), (new, 23, 200), (old, 0, 200), (old, 2, 401), (new, 0, 200)]
    ):
        clock.advance(hours=hours)
        sender.secret = secret
        assert status == await sender.tell(body, f"msg_{number}")
    # What somebody knows who should not ends at once.
    mine = make_secret()
    assert mine in (await client.post(page, data={"secret": mine})).text
    assert 401 == await sender.tell(body, "msg_old")
    sender.secret = mine
    assert 200 == await sender.tell(body, "msg_new")
    assert 404 == (await client.post(page.replace("secret", "address"))).status_code


async def test_an_address_without_signatures_is_renewed_itself(sender: Sender) -> None:
    ctx = sender.running.ctx
    number, token, _none = await add_hook(ctx, "Bank", signed=False)
    page = f"/settings/webhooks/incoming/{number}"
    client = await sender.running.client()
    shown = (await client.post(f"{page}/address")).text
    found = re.search(r"http://localhost(/hooks/[\w-]{43})", shown)
    assert found
    told = [(await sender.client.post(url, content=b"paid")).status_code
            for url in (f"/hooks/{token}", found[1])]  # fmt: skip
    assert [404, 200] == told
    with pytest.raises(NotFoundError):
        await renew_hook(ctx, number)


async def test_neither_cookies_nor_the_origin_of_a_sender_matter(sender: Sender) -> None:
    client = await sender.running.client()
    del client.headers["X-CSRF-Token"]
    client.headers["Origin"] = "https://shop.example"
    sender.client = client
    assert 200 == await sender.tell(json.dumps({"a": 1}).encode())


def test_one_of_several_signatures_is_enough() -> None:
    """Senders that renew a secret sign with both."""
    old, new = make_secret(), make_secret()
    told = " ".join(sign(each, "msg_1", 1000, b"{}") for each in (new, old))
    assert "" == verify([old], "msg_1", "1000", told, b"{}", 1000.0)
    assert "" != verify([make_secret()], "msg_1", "1000", told, b"{}", 1000.0)
    for moment in ("", "-1000", "1000.0", "٣", "9" * 13):
        assert "" != verify([old], "msg_1", moment, told, b"{}", 1000.0)
