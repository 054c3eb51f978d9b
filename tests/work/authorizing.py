"""A small authorization server on loopback: consents by itself, gives tokens, checks PKCE."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from crmkit.config import OAuthConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_HEAD = "HTTP/1.1 {} X\r\ncontent-length: {}\r\nconnection: close\r\n{}\r\n"


class Provider:
    """Sends codes back, gives tokens for them and for refresh tokens, keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.forms: list[dict[str, str]] = []
        self.status = 200
        self.more: dict[str, object] = {}
        #: Sent back in place of a code.
        self.refusal = ""
        #: Cleared, the token endpoint does not answer.
        self.awake = asyncio.Event()
        self.awake.set()
        self.config = OAuthConfig("", "")
        self._codes: dict[str, dict[str, str]] = {}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Who lost patience hangs up, before or after the question.
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._answer(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _rest = head.split(" ", 2)
        if method == "GET":
            more, status, body = self._authorize(urlsplit(target).query), 303, b""
        else:
            length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
            form = dict(parse_qsl((await reader.readexactly(length)).decode()))
            await self.awake.wait()
            (status, body), more = self._token(form), ""
        writer.write(_HEAD.format(status, len(body), more).encode() + body)
        await writer.drain()

    def _authorize(self, query: str) -> str:
        """Answer the header that leads back (RFC 6749, 4.1.2)."""
        asked = dict(parse_qsl(query, strict_parsing=True))
        self.asked.append(asked)
        assert ("code", self.config.client_id) == (asked["response_type"], asked["client_id"])
        assert "/settings/mail/oauth/example/callback" == urlsplit(asked["redirect_uri"]).path
        told = {"error": self.refusal}
        if not self.refusal:
            code = f"code-{len(self.asked)}"
            self._codes[code] = asked
            told = {"code": code}
        return (
            f"location: {asked['redirect_uri']}?{urlencode({**told, 'state': asked['state']})}\r\n"
        )

    def _token(self, form: dict[str, str]) -> tuple[int, bytes]:
        self.forms.append(form)
        told: dict[str, object] = {
            "access_token": f"token-{len(self.forms)}" + "x" * 3000, "expires_in": 3600,
        }  # fmt: skip
        if form["grant_type"] == "authorization_code":
            if not self._is_due(form):
                return 400, json.dumps({"error": "invalid_grant"}).encode()
            told["refresh_token"] = f"refresh-{form['code']}"
        return self.status, json.dumps({**told, **self.more}).encode()

    def _is_due(self, form: dict[str, str]) -> bool:
        """Say whether a code is ours, not used yet, and its verifier fits (RFC 7636, 4.6)."""
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return (
            asked is not None
            and asked["redirect_uri"] == form["redirect_uri"]
            and ("S256", challenge) == (asked["code_challenge_method"], asked["code_challenge"])
            and form.get("client_secret") == self.config.client_secret
        )


@asynccontextmanager
async def providing() -> AsyncIterator[Provider]:
    made = Provider()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    async with server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        made.config = OAuthConfig(
            "crm", f"{base}/token", client_secret="hush", scope="mail.all",
            authorize_url=f"{base}/authorize?tenant=ours", label="Example & Co",
            # The second must not win over ours.
            authorize_params={"prompt": "consent", "state": "fixed"},
        )  # fmt: skip
        yield made
        made.awake.set()
