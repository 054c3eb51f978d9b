"""A bare ASGI application: find the session, call the page, pack what it answers."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bench.floor.pages import Pages

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

#: As crmkit packs its pages.
_LEVEL = 4
_GZIP = zlib.MAX_WBITS | 16


def make_app(pages: Pages) -> App:
    """Answer the application; each path is a page that a person who signed in may read."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        query = dict(parse_qsl(scope["query_string"].decode()))
        person = await pages.find_person(headers.get(b"cookie", b"").decode("latin-1"))
        path = scope["path"]
        if person is None:
            await _send(send, 401, "Sign in.", {})
        elif path == "/list":
            await _send(send, 200, await pages.show_list(person, query), headers)
        elif path == "/record":
            await _send(send, 200, await pages.show_record(person, int(query["id"])), headers)
        elif path == "/search":
            await _send(send, 200, await pages.show_hits(person, query["q"]), headers)
        elif path == "/similar":
            form = await _read_form(receive)
            await _send(send, 200, await pages.show_similar(person, form), headers)
        elif path == "/new":
            record = await pages.create(person, await _read_form(receive))
            await _send(send, 303, "", {}, f"/record?id={record}")
        elif path == "/export":
            await _stream(send, pages.export(person))
        else:
            await _send(send, 404, "There is no such page.", {})

    return app


async def _read_form(receive: Receive) -> dict[str, str]:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return dict(parse_qsl(body.decode()))


async def _send(
    send: Send, status: int, text: str, asked: dict[bytes, bytes], location: str = ""
) -> None:
    body = text.encode()
    headers = [(b"content-type", b"text/html; charset=utf-8")]
    if location:
        headers.append((b"location", location.encode()))
    if b"gzip" in asked.get(b"accept-encoding", b""):
        body = gzip.compress(body, _LEVEL, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Send, pieces: AsyncIterator[bytes]) -> None:
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    headers = [(b"content-type", b"text/csv; charset=utf-8"), (b"content-encoding", b"gzip")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async for piece in pieces:
        if packed := packer.compress(piece):
            await send({"type": "http.response.body", "body": packed, "more_body": True})
    await send({"type": "http.response.body", "body": packer.flush()})
