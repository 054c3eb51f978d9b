"""The port that pages are served from."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

from crmkit.cli.serving import listen, served_at
from crmkit.config import Config


async def test_a_small_answer_does_not_wait_for_the_one_before() -> None:
    """Head and body are two packets; with Nagle's delay the second comes 40 ms later."""
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def look(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken = writer.get_extra_info("socket")
        found.set_result(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with closing(listen("127.0.0.1", 0)) as port:
        async with await asyncio.start_server(look, sock=port):
            _reader, writer = await asyncio.open_connection(*port.getsockname())
            assert await found
            writer.close()


def test_links_lead_to_the_port_that_was_taken() -> None:
    with closing(listen("127.0.0.1", 0)) as port:
        server = served_at(Config(), port).server
        assert port.getsockname() == (server.host, server.port)
