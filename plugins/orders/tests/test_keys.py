"""TRUST X4: writes of orders that are sent again with their key, over connections that are cut."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from crmkit.access.tokens import make_token
from crmkit.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

#: Writes of one order, each with a key: the order, a line, its confirmation, a delivery.
_EACH = 4
#: Where a connection is cut: in the request, after it, in the answer; "" is nowhere.
_CUTS = ("request", "sent", "answer", "", "")
_AT_ONCE = 16


@dataclass(frozen=True)
class _Write:
    path: str
    key: str
    body: bytes


@dataclass(frozen=True)
class _Answer:
    status: int
    head: str
    body: bytes

    @property
    def value(self) -> Any:  # noqa: ANN401 - what JSON says
        return json.loads(self.body)


@dataclass
class _Sender:
    """Somebody whose connections are cut, and who sends again until he is answered."""

    port: int
    secret: str
    chance: random.Random
    cuts: int = 0
    busy: int = 0
    answered: list[tuple[_Write, _Answer]] = field(default_factory=list)

    async def send(self, write: _Write, cut: str = "") -> _Answer | None:
        """Send a write once; None when the connection was cut."""
        head = (
            f"POST /api/v1/{write.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Authorization: Bearer {self.secret}\r\nContent-Type: application/json\r\n"
            f"Idempotency-Key: {write.key}\r\nContent-Length: {len(write.body)}\r\n\r\n"
        )
        sent = head.encode() + write.body
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            if cut == "request":
                sent = sent[: self.chance.randrange(len(sent))]
            writer.write(sent)
            await writer.drain()
            if cut == "sent":
                await asyncio.sleep(self.chance.uniform(0, 0.03))
            elif cut == "answer":
                await reader.read(self.chance.randrange(1, 40))
            if cut:
                self.cuts += 1
                return None
            first, _blank, body = (await reader.read()).partition(b"\r\n\r\n")
            return _Answer(int(first.split()[1]), first.decode().lower(), body)
        finally:
            writer.transport.abort()

    async def write(self, path: str, key: str, **values: object) -> _Answer:
        """Send a write until it is answered."""
        write = _Write(path, key, json.dumps(values).encode())
        while True:
            answer = await self.send(write, self.chance.choice(_CUTS))
            if answer is not None and answer.status in {409, 503}:
                self.busy += 1  # the one that was cut off is still at work, or others are
                await asyncio.sleep(0.02)
            elif answer is not None:
                self.answered.append((write, answer))
                return answer


@asynccontextmanager
async def _serving(site: Running) -> AsyncIterator[int]:
    """Serve the site on a port: a connection that is cut needs a real one."""
    app = create_app(site.site, site.db, site.config, owner_dsn=site.dsn)
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def _order(sender: _Sender, shop: dict[str, int], place: int) -> None:
    """Make an order, confirm it and plan its delivery."""
    client = {"company": shop["company"], "person": shop["person"], "currency": "EUR"}
    made = await sender.write("orders.order", f"{place}-order", **client)
    assert 201 == made.status
    order = made.value["id"]
    line = {"order": order, "product": shop["pro"], "quantity": "2"}
    assert 201 == (await sender.write("orders.order_line", f"{place}-line", **line)).status
    for action in ("confirm", "deliver"):
        path = f"orders.order/{order}/actions/{action}"
        assert 200 == (await sender.write(path, f"{place}-{action}")).status


@pytest.mark.parametrize("orders", [3, pytest.param(250, marks=pytest.mark.long)])
async def test_a_write_has_one_effect_however_often_its_connection_is_cut(
    site: Running, ctx: Context, shop: dict[str, int], orders: int
) -> None:
    seed = random.getrandbits(32)
    token = await make_token(ctx.db, 9001, "test")
    async with _serving(site) as port:
        sender = _Sender(port, token.secret, random.Random(seed))  # noqa: S311 - no secret
        turns = asyncio.Semaphore(_AT_ONCE)

        async def take_turns(place: int) -> None:
            async with turns:
                await _order(sender, shop, place)

        await asyncio.gather(*map(take_turns, range(orders)))
        print(  # noqa: T201 - the figures, and what a failure needs
            f"seed {seed}, writes {len(sender.answered)}, cut {sender.cuts}, busy {sender.busy}"
        )
        for table, each in (("order", 1), ("order_line", 1), ("step", 3), ("delivery", 1)):
            found = await ctx.db.value(f"SELECT count(*) FROM orders_{table}")
            assert each * orders == found, table
        assert orders == await ctx.db.value("SELECT count(*) FROM core_message")
        assert _EACH * orders == len(sender.answered)
        await _check_keys(sender)
    assert orders == await ctx.db.value("SELECT count(*) FROM orders_order")


async def _check_keys(sender: _Sender) -> None:
    """Sent again a write is answered as before, and with another body refused."""
    for write, answer in sender.answered:
        again = await sender.send(write)
        other = await sender.send(_Write(write.path, write.key, b'{"currency": "USD"}'))
        assert again is not None
        assert other is not None
        assert (answer.status, answer.body) == (again.status, again.body)
        assert "idempotency-replayed: true" in again.head
        assert 422 == other.status


async def test_one_key_that_many_use_at_once_has_one_effect(
    site: Running, ctx: Context, shop: dict[str, int]
) -> None:
    token = await make_token(ctx.db, 9001, "test")
    write = _Write("orders.order", "one", json.dumps({"company": shop["company"]}).encode())
    async with _serving(site) as port:
        sender = _Sender(port, token.secret, random.Random(1))  # noqa: S311 - no secret
        answers = await asyncio.gather(*(sender.send(write) for _ in range(8)))
    assert {201, 409} >= {answer.status for answer in answers if answer}
    assert 1 == await ctx.db.value("SELECT count(*) FROM orders_order")
    made = {answer.body for answer in answers if answer and answer.status == 201}
    assert 1 == len(made)
