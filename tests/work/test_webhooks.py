"""Webhooks: signed, tried again with the same id, bounded, and never into a private network."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from crmkit.access.sealing import key_path
from crmkit.config import WebhooksConfig
from crmkit.errors import InvalidError, UnavailableError
from crmkit.records.bulk import Selection, bulk_edit
from crmkit.work import outgoing
from crmkit.work.events import event_names, webhooks_of
from crmkit.work.outgoing import check_url, is_public, post, resolve
from crmkit.work.signing import sign
from crmkit.work.webhook_calls import list_calls, queue_calls, send_again, send_test
from crmkit.work.webhooks import (
    add_webhook,
    edit_webhook,
    list_webhooks,
    renew_secret,
    switch_webhook,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from crmkit.testing.fixtures import Clock
    from crmkit.testing.sites import Place, Running


class Receiver:
    """A server that keeps what it was sent; `status` may be a function of the number."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status: Callable[[int], int] = lambda _number: 200
        self.head = ""
        self.endless = False
        self.slow = 0.0
        self.url = ""
        self.open: list[tuple[asyncio.Task[None] | None, asyncio.StreamWriter]] = []

    async def end(self) -> None:
        """Leave nothing behind of answers that are still being written."""
        for task, writer in self.open:
            if task is not None and not task.done():
                task.cancel()
            writer.transport.abort()
        tasks = [task for task, _writer in self.open if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.append((asyncio.current_task(), writer))
        raw = await reader.readuntil(b"\r\n\r\n")
        lines = raw.decode().split("\r\n")[1:]
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append((headers, body))
        await asyncio.sleep(self.slow)
        status = self.status(len(self.got))
        writer.write(f"HTTP/1.1 {status} X\r\n{self.head}connection: close\r\n\r\n".encode())
        try:
            while self.endless:
                writer.write(b"x" * 65536)
                await writer.drain()
            await writer.drain()
        except OSError:
            pass  # who asked has heard enough
        writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/told?x=1"
    async with server:
        yield made
        await made.end()


@asynccontextmanager
async def site(place: Place) -> AsyncIterator[Running]:
    place.options["webhooks"] = WebhooksConfig(allow_private=True)
    async with place.start() as running:
        yield running


async def _add(running: Running, url: str, *events: str) -> tuple[int, str]:
    known = list(event_names(running.site))
    made = await add_webhook(running.ctx, "Stock", url, events, known)
    await running.rebuild()
    return made


async def test_events_that_never_come_are_neither_offered_nor_taken(place: Place) -> None:
    """Messages are written set by set, and people of the core are never merged."""
    async with site(place) as running:
        names = event_names(running.site)
        assert {"core.mail.received", "crm.person.merged", "core.user.created"} <= names.keys()
        never = {"core.message.created", "core.message.updated", "core.user.merged"}
        assert set() == never & names.keys()
        client = await running.client()
        page = (await client.get("/settings/webhooks/new")).text
        assert "core.mail.received" in page
        assert "core.message," not in page
        typed = {"name": "Stock", "url": "https://example.com", "events": "core.message.created"}
        refused = await client.post("/settings/webhooks", data=typed)
        assert 422 == refused.status_code
        assert "is no event" in refused.text
        # Nor is a message entered or imported as if it were any record.
        listed = (await client.get("/core.message")).text
        assert "/core.message/new" not in listed
        assert "/core.message/import" not in listed


async def _due(running: Running) -> None:
    """Let what waits for another try come due."""
    await running.db.execute("UPDATE core_job SET run_at = now() WHERE state = 'later'")


async def test_what_happened_is_told_and_its_signature_verifies(
    place: Place, receiver: Receiver
) -> None:
    async with site(place) as running:
        number, secret = await _add(running, receiver.url, "crm.person.*")
        person = await running.ctx.create("crm.person", name="Anna")
        await running.ctx.create("crm.company", name="Not told of")
        await running.work()
        ((headers, body),) = receiver.got
        moment = int(headers["webhook-timestamp"])
        assert headers["webhook-signature"] == sign(secret, headers["webhook-id"], moment, body)
        told = json.loads(body)
        assert ("crm.person.created", headers["webhook-id"]) == (told["type"], told["id"])
        assert {"entity": "crm.person", "record": person, "by": None} == told["data"]
        assert "Anna" not in body.decode()  # numbers and names of fields, no values
        (call,) = await list_calls(running.ctx, number)
        assert ("sent", 200, 1) == (call.state, call.status, call.attempts)


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of the specification."""
    body = b'{"test": 2432232314}'
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    found = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_it_is_tried_again_with_the_same_id(place: Place, receiver: Receiver) -> None:
    receiver.status = lambda number: 500 if number < 3 else 204
    async with site(place) as running:
        number, _secret = await _add(running, receiver.url, "crm.person.created")
        await running.ctx.create("crm.person", name="Anna")
        for _ in range(3):
            await running.work()
            await _due(running)
        assert 3 == len(receiver.got)
        assert 1 == len({headers["webhook-id"] for headers, _body in receiver.got})
        (call,) = await list_calls(running.ctx, number)
        assert ("sent", 204, 3) == (call.state, call.status, call.attempts)
        assert 0 == (await list_webhooks(running.ctx))[0].failures


async def test_what_failed_for_good_is_kept_and_sent_again(
    place: Place, receiver: Receiver
) -> None:
    receiver.status = lambda _number: 503
    async with site(place) as running:
        number, _secret = await _add(running, receiver.url, "crm.person.created")
        await running.ctx.create("crm.person", name="Anna")
        for _ in range(9):
            await running.work()
            await _due(running)
        (call,) = await list_calls(running.ctx, number)
        assert ("failed", 8) == (call.state, call.attempts)
        receiver.status = lambda _number: 200
        assert 1 == await send_again(running.ctx, number)
        await running.work()
        assert "sent" == (await list_calls(running.ctx, number))[0].state


async def test_many_failures_pause_it_and_gone_switches_it_off(
    place: Place, receiver: Receiver
) -> None:
    receiver.status = lambda _number: 500
    async with site(place) as running:
        number, _secret = await _add(running, receiver.url, "crm.person.created")
        for each in range(21):
            await running.ctx.create("crm.person", name=f"P {each}")
        await running.work()
        (row,) = await list_webhooks(running.ctx)
        assert row.paused_until
        assert 20 == len(receiver.got)
        await switch_webhook(running.ctx, number, active=True)
        receiver.status = lambda _number: 410
        await send_test(running.ctx, number)
        await _due(running)
        await running.work()
        assert not (await list_webhooks(running.ctx))[0].active
        await running.rebuild()
        assert [] == webhooks_of(running.site, "crm.person.created")


async def test_an_answer_without_an_end_and_a_redirect_cost_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = time.monotonic()
    receiver.endless = True
    assert 200 == (await post(receiver.url, b"{}", {}, allow_private=True)).status
    receiver.endless, receiver.head = False, "location: http://127.0.0.1:1/\r\n"
    receiver.status = lambda _number: 302
    assert 302 == (await post(receiver.url, b"{}", {}, allow_private=True)).status
    assert 2 == len(receiver.got)
    receiver.slow = 30.0
    monkeypatch.setattr(outgoing, "_SECONDS", 0.3)
    with pytest.raises(UnavailableError, match="did not answer"):
        await post(receiver.url, b"{}", {}, allow_private=True)
    assert 5 > time.monotonic() - begin


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "localhost", "0.0.0.0",  # noqa: S104
     "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "10.0.0.1", "172.16.5.4",
     "192.168.1.1", "169.254.169.254", "100.64.0.1", "[fe80::1]", "[fc00::1]", "[fd00::1]",
     "224.0.0.1", "255.255.255.255", "[ff02::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
     "192.0.2.1", "198.18.0.1", "240.0.0.1", "[2001:db8::1]"],
)  # fmt: skip
async def test_no_spelling_leads_into_a_private_network(host: str) -> None:
    with pytest.raises((InvalidError, UnavailableError)):
        await post(f"https://{host}/", b"{}", {})


async def test_a_name_is_looked_at_once_and_called_by_what_it_was(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name whose answers change between two looks (DNS rebinding) leads nowhere else."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    asked: list[str] = []

    async def getaddrinfo(_self: Any, host: str, port: int, **_more: Any) -> list[Any]:  # noqa: ANN401
        asked.append(host)
        return [(2, 1, 6, "", (next(answers), port))]

    loop = type(asyncio.get_running_loop())
    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    assert "93.184.216.34" == await resolve("rebind.example", 443)
    with pytest.raises(InvalidError, match="private network"):
        await resolve("rebind.example", 443)
    assert is_public(ipaddress.ip_address("93.184.216.34"))
    assert ["rebind.example"] * 2 == asked


def test_addresses_with_passwords_or_without_tls_are_refused() -> None:
    for url in ("http://crm.example/", "https://a:b@crm.example/", "ftp://crm.example/", "https://",
                "https://crm.example:99999/", "javascript:alert(1)", ""):  # fmt: skip
        with pytest.raises(InvalidError):
            check_url(url)
    assert "https://crm.example/x" == check_url(" https://crm.example/x ")


async def test_nobody_pays_without_webhooks_and_many_records_are_told_each(
    place: Place, receiver: Receiver
) -> None:
    async with site(place) as running:
        people = [await running.ctx.create("crm.person", name=f"P {n}") for n in range(3)]
        assert 0 == await running.db.value("SELECT count(*) FROM core_job")
        await _add(running, receiver.url, "crm.*.updated")
        plan = running.site.entity("crm.person")
        await bulk_edit(running.ctx, plan, Selection(ids=tuple(people)), {"city": "Kiel"})
        await running.work()
        found = [json.loads(body)["data"] for _headers, body in receiver.got]
        assert people == sorted(each["record"] for each in found)
        assert ["city"] == found[0]["fields"]


async def test_administrators_make_it_on_the_page_and_see_its_secret_once(
    place: Place, receiver: Receiver
) -> None:
    async with site(place) as running:
        client = await running.client()
        page = "/settings/webhooks"
        bad = {"name": "", "url": "gopher://x", "events": "crm.nothing.created"}
        refused = await client.post(page, data=bad)
        assert 422 == refused.status_code
        for text in ("is needed", "must begin with https://", "crm.nothing.created"):
            assert text in refused.text
        made = await client.post(
            page, data={"name": "Stock", "url": receiver.url, "events": "crm.*.created"}
        )
        assert "whsec_" in made.text
        assert "whsec_" not in (await client.get(page)).text
        assert 303 == (await client.post(f"{page}/1/test")).status_code
        await running.rebuild()
        await running.work()
        log = (await client.get(f"{page}/1")).text
        assert "core.webhook.tested" in log
        assert "Sent" in log
        assert 403 == (await (await running.client("seller")).get(page)).status_code
        assert 303 == (await client.post(f"{page}/1/remove")).status_code
        assert 0 == await running.db.value("SELECT count(*) FROM core_webhook_call")


async def test_an_edited_webhook_tells_another_address_of_other_events_with_its_old_secret(
    place: Place, receiver: Receiver
) -> None:
    async with site(place) as running:
        number, _secret = await _add(running, "http://127.0.0.1:9/gone", "crm.person.created")
        sealed = "SELECT secret FROM core_webhook"
        secret = await running.db.value(sealed)
        await running.db.execute(
            "UPDATE core_webhook SET failures = 20, paused_until = now() + interval '1 hour'"
        )
        await running.ctx.create("crm.person", name="Waits")
        client = await running.client()
        page = f"/settings/webhooks/{number}/edit"
        assert "http://127.0.0.1:9/gone" in (await client.get(page)).text
        bad = {"name": " ", "url": "gopher://x", "events": "crm.nothing.created"}
        refused = await client.post(page, data=bad)
        assert 422 == refused.status_code
        for text in ("is needed", "must begin with https://", "crm.nothing.created"):
            assert text in refused.text
        typed = {"name": "Store", "url": receiver.url, "events": "crm.company.created"}
        with capture_logs() as logs:
            assert 303 == (await client.post(page, data=typed)).status_code
        (said,) = (each for each in logs if "a webhook was edited" == each["event"])
        assert ["name", "url", "events"] == said["changed"]
        assert receiver.url not in str(said)
        (row,) = await list_webhooks(running.ctx)
        assert ("Store", 0, None) == (row.name, row.failures, row.paused_until)
        assert secret == await running.db.value(sealed)
        await running.rebuild()
        await running.ctx.create("crm.person", name="No longer told")
        await running.ctx.create("crm.company", name="Told")
        await running.work()
        names = sorted(json.loads(body)["type"] for _headers, body in receiver.got)
        assert ["crm.company.created", "crm.person.created"] == names
        assert 404 == (await client.get("/settings/webhooks/99/edit")).status_code
        assert 404 == (await client.post("/settings/webhooks/99/edit", data=typed)).status_code
        seller = await running.client("seller")
        assert 403 == (await seller.post(page, data=typed)).status_code


async def test_an_edit_that_changes_no_address_ends_no_pause_and_keeps_what_is_off(
    place: Place,
) -> None:
    async with site(place) as running:
        number, _secret = await _add(running, "https://stock.example/", "crm.person.created")
        await running.db.execute(
            "UPDATE core_webhook SET failures = 20, paused_until = now() + interval '1 hour', "
            "events = '{gone.thing.created}'"
        )
        known = list(event_names(running.site))
        (old,) = await list_webhooks(running.ctx)
        names = ["gone.thing.created", "crm.company.created"]
        await edit_webhook(running.ctx, number, "Store", old.url, names, known)
        (row,) = await list_webhooks(running.ctx)
        assert (20, old.paused_until, names) == (row.failures, row.paused_until, row.events)


async def test_a_bulk_change_is_told_in_as_many_statements_as_one_record(
    place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(place) as running:
        await _add(running, receiver.url, "crm.person.updated")
        told: list[str] = []
        call = running.db._call

        async def counted(method: str, sql: str, args: Any, **more: Any) -> Any:  # noqa: ANN401
            told.append(sql)
            return await call(method, sql, args, **more)

        monkeypatch.setattr(running.db, "_call", counted)
        numbers = []
        for many in (1, 300):
            told.clear()
            data = {"fields": ["city"]}
            await queue_calls(running.ctx, [(1, "crm.person.updated", data)] * many)
            numbers.append(len(told))
        assert [3, 3] == numbers
        assert 301 == await running.db.value("SELECT count(*) FROM core_job")
        ordered = "SELECT array_agg(args['call'] ORDER BY id) = array_agg(args['call'] ORDER BY "
        assert await running.db.value(f"{ordered} args['call']) FROM core_job")


async def test_what_waits_for_a_job_that_died_is_sent_again_and_nothing_else_that_waits(
    place: Place, receiver: Receiver
) -> None:
    async with site(place) as running:
        number, _secret = await _add(running, receiver.url, "crm.person.created")
        await running.ctx.create("crm.person", name="Anna")
        (call,) = await list_calls(running.ctx, number)
        assert ("waiting", False) == (call.state, call.stuck)
        assert 0 == await send_again(running.ctx, number, call.id)
        await running.db.execute("UPDATE core_job SET state = 'dead'")
        assert (await list_calls(running.ctx, number))[0].stuck
        assert (
            "Waits, its job died"
            in (await (await running.client()).get(f"/settings/webhooks/{number}")).text
        )
        assert 1 == await send_again(running.ctx, number, call.id)
        assert 0 == await send_again(running.ctx, number)
        await running.work()
        assert 1 == len(receiver.got)
        assert "sent" == (await list_calls(running.ctx, number))[0].state


async def test_after_a_renewal_both_secrets_sign_for_a_day(
    place: Place, receiver: Receiver, clock: Clock
) -> None:
    async with site(place) as running:
        number, old = await _add(running, receiver.url, "crm.person.created")
        shown = await (await running.client()).post(f"/settings/webhooks/{number}/secret")
        new = shown.text.partition('value="whsec_')[2].partition('"')[0]
        for hours in (23, 2):
            await send_test(running.ctx, number)
            await running.work()
            clock.advance(hours=hours)
        fitting = []
        for headers, body in receiver.got:
            which = (headers["webhook-id"], int(headers["webhook-timestamp"]), body)
            told = headers["webhook-signature"].split(" ")
            fitting.append([sign(each, *which) in told for each in (new, old)])
        assert [[True, True], [True, True]] == fitting
        await send_test(running.ctx, number)
        await running.work()
        assert " " not in receiver.got[-1][0]["webhook-signature"]


async def test_secrets_are_sealed_and_those_of_earlier_versions_are_read_and_sealed_at_night(
    place: Place, receiver: Receiver
) -> None:
    async with site(place) as running:
        number, secret = await _add(running, receiver.url, "crm.person.created")
        stored = "SELECT secret FROM core_webhook"
        assert secret not in await running.db.value(stored)
        await running.db.execute("UPDATE core_webhook SET secret = $1", secret)
        for _ in range(2):
            await send_test(running.ctx, number)
            await running.work()
            await running.ctx.enqueue("core.remove_old_calls")
            await running.work()
            assert (await running.db.value(stored)).startswith("sealed:")
        for headers, body in receiver.got:
            which = (headers["webhook-id"], int(headers["webhook-timestamp"]), body)
            assert headers["webhook-signature"] == sign(secret, *which)


async def test_an_unknown_event_is_refused_with_the_one_that_is_spelled_alike(
    place: Place,
) -> None:
    async with site(place) as running:
        for wrong, near in (
            ("crm.persn.created", "crm.person.created"),
            ("crm.persn.*", "crm.person.*"),
            ("core.webhook.test", "core.webhook.tested"),
        ):
            with pytest.raises(InvalidError) as raised:
                await _add(running, "http://127.0.0.1/", wrong)
            assert f"did you mean `{near}`" in raised.value.problems["events"]


async def test_a_new_secret_mends_a_webhook_whose_key_was_lost(
    place: Place, receiver: Receiver
) -> None:
    async with site(place) as running:
        number, _secret = await _add(running, receiver.url, "crm.person.created")
        key_path(running.config).unlink()
        await send_test(running.ctx, number)
        await running.work()
        assert [] == receiver.got
        await renew_secret(running.ctx, number)
        await _due(running)
        await running.work()
        assert 1 == len(receiver.got)
