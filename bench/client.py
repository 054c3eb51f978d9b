"""A keep-alive HTTP client that costs little, since it shares a core with the database."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass, field
from urllib.parse import urlencode

import brotli

_PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


class BenchError(Exception):
    """A server did not answer as a row needs it; the message says which."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of an action; `headers` and body are sent as they are."""

    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    expected: int = 200

    def encode(self, host: str, cookie: str) -> bytes:
        """Answer the bytes on the wire."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}", f"Cookie: {cookie}"]
        lines += ["Accept: text/html", "Accept-Encoding: gzip, br"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.method == "POST":
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `size` counts every byte of it, headers included."""

    status: int
    headers: dict[str, str]
    raw: bytes = field(repr=False)
    size: int

    @property
    def text(self) -> str:
        """The page, unpacked."""
        packed = self.headers.get("content-encoding", "")
        data = self.raw
        if packed == "gzip":
            data = gzip.decompress(data)
        elif packed == "br":
            data = brotli.decompress(data)
        return data.decode()


def get(path: str, *, partial: bool = False, **query: str) -> Request:
    """Make a GET; `partial` as htmx asks for a part of a page."""
    url = f"{path}?{urlencode(query)}" if query else path
    return Request("GET", url, headers=tuple(_PARTIAL.items()) if partial else ())


def post(
    path: str,
    fields: dict[str, str],
    *,
    partial: bool = False,
    expected: int = 303,
    token: str = "",
) -> Request:
    """Make a POST of a form; `token` against forged forms goes into a header."""
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    headers += [("X-CSRF-Token", token)] if token else []
    headers += list(_PARTIAL.items()) if partial else []
    return Request("POST", path, urlencode(fields).encode(), tuple(headers), expected)


def upload(path: str, fields: dict[str, str], data: bytes, *, expected: int, token: str) -> Request:
    """Make a POST of a form with one CSV file, named `file` or as `fields["@file"]` says."""
    edge = "crmkitbenchcrmkitbench"
    name = fields.pop("@file", "file")
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    ]
    parts.append(
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="people.csv"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    )
    body = "".join(parts).encode() + data + f"\r\n--{edge}--\r\n".encode()
    headers = [("Content-Type", f"multipart/form-data; boundary={edge}")]
    headers += [("X-CSRF-Token", token)] if token else []
    return Request("POST", path, body, tuple(headers), expected)


class Browser:
    """One connection with the cookie of one person.

    It connects again where the server closes after each answer; that time counts, since people
    wait for it, too.
    """

    def __init__(self, port: int, cookie: str) -> None:
        self.port, self.cookie = port, cookie
        self._host = f"127.0.0.1:{port}"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: Request) -> Answer:
        """Send a request and read the whole answer.

        Raises:
            BenchError: The status is not the expected one.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
        reader, writer = self._streams
        writer.write(request.encode(self._host, self.cookie))
        answer = await _read(reader)
        if answer.headers.get("connection", "").lower() == "close":
            await self.close()
        if answer.status != request.expected:
            raise BenchError(
                f"{request.method} {request.path} on port {self.port} answered {answer.status}, "
                f"not {request.expected}: {answer.text[:2000]}"
            )
        return answer

    async def close(self) -> None:
        """Close the connection; the next request opens one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _colon, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if "content-length" in headers:
        raw = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        raw = await _read_chunks(reader)
    else:
        raw = await reader.read()
        headers["connection"] = "close"
    return Answer(int(first.split(" ", 2)[1]), headers, raw, len(head) + len(raw))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readuntil(b"\r\n"))[:-2], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(parts)
