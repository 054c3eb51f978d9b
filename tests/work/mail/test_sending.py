from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from msgspec import structs

from crmkit.errors import ConfigError
from crmkit.work.mail.accounts import SmtpAccount, Tls
from crmkit.work.mail.outcome import Outcome, SendResult
from crmkit.work.mail.sending import send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

MESSAGE = b"From: desk@example.org\r\nTo: anna@example.com\r\nSubject: Order\r\n\r\n.Hello\r\n"
pytestmark = pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS:UserWarning",
    "ignore:.*Session.login_data:DeprecationWarning",
)


class Desk:
    """A server that keeps what it gets, and answers as the test wants.

    Attributes:
        answers: Command, or recipient, to answer.
    """

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.kept: list[Envelope] = []

    async def handle_MAIL(  # noqa: N802 - named by the library
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "mail" in self.answers:
            return self.answers["mail"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers.get(address.partition("@")[0], "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.kept.append(envelope)
        if "slow" in self.answers:
            await asyncio.sleep(float(self.answers["slow"]))
        return self.answers.get("data", "250 queued as 42")


@asynccontextmanager
async def serving(desk: Desk, **settings: Any) -> AsyncIterator[SmtpAccount]:  # noqa: ANN401
    tls = settings.pop("ssl", None)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(desk, hostname="mx.example.net", enable_SMTPUTF8=True, **settings),
        "127.0.0.1",
        0,
        ssl=tls,
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield SmtpAccount(
            host="127.0.0.1",
            port=port,
            tls="implicit" if tls else "plain",
            timeout=2,
            data_timeout=2,
            local_name="crm.example.org",
        )


@asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[SmtpAccount]:
    """A server of a few lines that does what no library lets it do."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield SmtpAccount(
            host="127.0.0.1", port=port, tls="plain", timeout=0.4, data_timeout=0.4, local_name="x"
        )


async def post(account: SmtpAccount, *to: str, message: bytes = MESSAGE) -> SendResult:
    return await send(account, message, "desk@example.org", to or ("anna@example.com",))


async def test_a_message_arrives_once_and_unchanged() -> None:
    desk = Desk()
    async with serving(desk) as account:
        result = await post(account, "anna@example.com", "olga@example.com")

    assert Outcome.ACCEPTED == result.outcome
    assert (250, "queued as 42") == (result.code, result.text)
    assert ("anna@example.com", "olga@example.com") == result.accepted
    assert [MESSAGE] == [one.content for one in desk.kept]
    assert ["anna@example.com", "olga@example.com"] == desk.kept[0].rcpt_tos


async def test_refused_recipients_are_named_and_the_others_get_it() -> None:
    desk = Desk(gone="550 5.1.1 unknown", full="452 4.2.2 mailbox full")
    async with serving(desk) as account:
        result = await post(account, "gone@example.com", "anna@example.com", "full@example.com")

    assert Outcome.ACCEPTED == result.outcome
    assert ("anna@example.com",) == result.accepted
    assert [("gone@example.com", 550, True), ("full@example.com", 452, False)] == [
        (one.address, one.code, one.permanent) for one in result.refused
    ]


@pytest.mark.parametrize(
    ("answers", "outcome", "stage", "code"),
    [
        ({"anna": "550 unknown"}, Outcome.PERMANENT, "recipients", 550),
        ({"anna": "450 greylisted"}, Outcome.TEMPORARY, "recipients", 450),
        ({"mail": "553 not your address"}, Outcome.PERMANENT, "sender", 553),
        ({"mail": "451 later"}, Outcome.TEMPORARY, "sender", 451),
        ({"data": "554 looks like spam"}, Outcome.PERMANENT, "data", 554),
        ({"data": "451 try again"}, Outcome.TEMPORARY, "data", 451),
        ({"mail": "530 authentication required"}, Outcome.TEMPORARY, "sender", 530),
    ],
)
async def test_an_answer_decides(
    answers: dict[str, str], outcome: Outcome, stage: str, code: int
) -> None:
    async with serving(Desk(**answers)) as account:
        result = await post(account)

    assert (outcome, stage, code, ()) == (
        result.outcome,
        result.stage,
        result.code,
        result.accepted,
    )
    assert (code == 530) == result.account_at_fault


async def test_one_that_may_be_tried_again_keeps_all_from_being_given_up() -> None:
    async with serving(Desk(gone="550 unknown", full="452 full")) as account:
        result = await post(account, "gone@example.com", "full@example.com")

    assert Outcome.TEMPORARY == result.outcome
    assert ["full@example.com"] == [one.address for one in result.refused if not one.permanent]


async def test_nobody_listens() -> None:
    async with serving(Desk()) as account:
        pass

    result = await post(account)

    assert (Outcome.TEMPORARY, "connect", False) == (
        result.outcome,
        result.stage,
        result.account_at_fault,
    )


async def test_no_answer_after_the_message_is_unknown() -> None:
    desk = Desk(slow="0.5")
    async with serving(desk) as account:
        result = await post(structs.replace(account, data_timeout=0.1))

    assert (Outcome.UNKNOWN, ("anna@example.com",)) == (result.outcome, result.accepted)
    assert 1 == len(desk.kept)


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, until: bytes) -> None:
    """Answer 250, or 354, up to a line after which the connection dies."""
    writer.write(b"220 hello\r\n")
    while True:
        line = await reader.readline()
        if not line or line.startswith(until):
            return
        if line.startswith(b"DATA"):
            writer.write(b"354 go on\r\n")
            while await reader.readline() != b".\r\n":
                pass
            if until == b".":
                return
        writer.write(b"250 OK\r\n")


@pytest.mark.parametrize(
    ("until", "outcome", "stage"),
    [
        (b"EHLO", Outcome.TEMPORARY, "connect"),
        (b"MAIL", Outcome.TEMPORARY, "sender"),
        (b"RCPT", Outcome.TEMPORARY, "recipients"),
        (b".", Outcome.UNKNOWN, "data"),
        (b"QUIT", Outcome.ACCEPTED, "data"),
    ],
)
async def test_a_connection_that_dies(until: bytes, outcome: Outcome, stage: str) -> None:
    async with raw_server(lambda reader, writer: talk(reader, writer, until=until)) as account:
        result = await post(account)

    if until == b"EHLO":
        assert Outcome.TEMPORARY == result.outcome
    else:
        assert (outcome, stage) == (result.outcome, result.stage)


async def test_a_server_that_says_nothing() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()

    async with raw_server(silent) as account:
        result = await post(account)

    assert (Outcome.TEMPORARY, "connect") == (result.outcome, result.stage)


async def test_a_server_that_is_closing() -> None:
    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"421 going down\r\n")
        await writer.drain()
        await reader.readline()

    async with raw_server(closing) as account:
        result = await post(account)

    assert (Outcome.TEMPORARY, 421) == (result.outcome, result.code)


def _sign_in(*arguments: Any) -> AuthResult:  # noqa: ANN401 - of the library
    data = arguments[-1]
    return AuthResult(success=data.password == b"right", handled=False)


@pytest.mark.parametrize(("password", "outcome"), [("right", "accepted"), ("no", "temporary")])
async def test_a_wrong_password_gives_no_message_up(password: str, outcome: str) -> None:
    settings = {"authenticator": _sign_in, "auth_require_tls": False, "auth_required": True}
    async with serving(Desk(), **settings) as account:
        result = await post(structs.replace(account, username="desk", password=password))

    assert outcome == result.outcome
    assert (password == "no") == result.account_at_fault


async def test_a_password_never_goes_out_in_the_clear() -> None:
    account = SmtpAccount(host="mx.example.net", tls="plain", username="a", password="secret")

    with pytest.raises(ConfigError, match="unencrypted"):
        await post(account)
    assert "secret" not in repr(account)


async def test_letters_beyond_ascii_go_where_they_can() -> None:
    desk = Desk()
    async with serving(desk) as account:
        result = await post(account, "анна@example.com")

    assert Outcome.ACCEPTED == result.outcome
    assert ["анна@example.com"] == desk.kept[0].rcpt_tos
    assert "SMTPUTF8" in desk.kept[0].mail_options


async def test_letters_beyond_ascii_are_refused_where_they_cannot() -> None:
    async with raw_server(lambda reader, writer: talk(reader, writer, until=b"QUIT")) as account:
        result = await post(account, "анна@example.com")

    assert (Outcome.PERMANENT, True) == (result.outcome, "SMTPUTF8" in result.text)


@pytest.mark.parametrize("address", ["a@example.com>\r\nRCPT TO:<b@example.com", "a\n@example.com"])
async def test_an_address_is_no_command(address: str) -> None:
    desk = Desk()
    async with serving(desk) as account:
        result = await post(account, address)

    assert (Outcome.PERMANENT, []) == (result.outcome, desk.kept)


async def test_nobody_to_send_to() -> None:
    result = await send(SmtpAccount(host="127.0.0.1"), MESSAGE, "desk@example.org", ())

    assert Outcome.PERMANENT == result.outcome


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key of 127.0.0.1, made anew so that no key lies in the repository."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    words += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", str(key)]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(cert)]
    subprocess.run(words, check=True, capture_output=True, timeout=20)
    return cert, key


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
@pytest.mark.parametrize("trusted", [True, False])
async def test_only_a_server_one_trusts_gets_the_mail(
    certificate: tuple[Path, Path], mode: Tls, *, trusted: bool
) -> None:
    cert, key = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    settings = {"ssl": context} if mode == "implicit" else {"tls_context": context}
    desk = Desk()
    async with serving(desk, **settings) as account:
        result = await post(
            structs.replace(account, tls=mode, ca_file=str(cert) if trusted else "")
        )

    assert (Outcome.ACCEPTED if trusted else Outcome.TEMPORARY) == result.outcome
    assert trusted == bool(desk.kept)
    assert trusted != result.account_at_fault


async def test_a_server_without_encryption_gets_nothing() -> None:
    desk = Desk()
    async with serving(desk) as account:
        result = await post(structs.replace(account, tls="starttls"))

    assert (Outcome.TEMPORARY, True, []) == (result.outcome, result.account_at_fault, desk.kept)


async def test_an_authority_that_cannot_be_read_is_named() -> None:
    account = SmtpAccount(host="127.0.0.1", ca_file="nowhere.pem")

    with pytest.raises(ConfigError, match=r"nowhere\.pem"):
        await post(account)
