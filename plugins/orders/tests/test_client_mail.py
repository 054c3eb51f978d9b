"""Mails to clients, by a real server: each once, in the client's language."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

import pytest
from crmkit_orders.mailing import quote_link, status_link

from crmkit.work.mail_accounts import save_account
from tests.work.mail.test_sending import Desk, serving

if TYPE_CHECKING:
    from email.message import EmailMessage

    from conftest import Act, Draft

    from crmkit.model.context import Context
    from crmkit.testing.sites import Running

pytestmark = pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS:UserWarning",
    "ignore:.*Session.login_data:DeprecationWarning",
)


def _read(desk: Desk) -> list[tuple[str, str, str]]:
    """Answer receiver, subject and text of what arrived."""
    found = []
    for each in desk.kept:
        assert isinstance(each.content, bytes)
        mail: EmailMessage = message_from_bytes(each.content, policy=policy.default)
        body = mail.get_body(("plain",))
        assert body is not None
        found.append((each.rcpt_tos[0], str(mail["subject"]), body.get_content()))
    return found


async def test_each_is_sent_once_in_the_language_of_the_client(
    site: Running, ctx: Context, anna: Context, shop: dict[str, int], draft: Draft, act: Act
) -> None:
    await ctx.save("crm.person", shop["person"], language="Russian")
    desk = Desk()
    async with serving(desk) as smtp:
        await ctx.db.execute("DELETE FROM core_mail_account")
        await save_account(
            anna,
            {"address": "desk@example.org", "password": "x", "smtp_host": "127.0.0.1",
             "smtp_port": str(smtp.port), "smtp_tls": "plain", "sends_notices": "1"},
        )  # fmt: skip
        await ctx.db.execute("UPDATE core_mail_account SET username = '', sends_notices = true")
        quote = await ctx.create(
            "orders.quote", company=shop["company"], person=shop["person"], currency="EUR"
        )
        await ctx.create("orders.quote_line", quote=quote, product=shop["pro"], quantity=Decimal(1))
        await act("orders.quote/send", quote)
        order = await draft()
        await act("orders.order/confirm", order)
        moment = (ctx.now() + timedelta(days=9)).replace(hour=12, minute=0)
        for _twice in range(2):
            await ctx.save(
                "orders.order", order, promised_at=moment, promise_reason="Parts come late."
            )
        delivery = await act("orders.order/deliver", order)
        await ctx.save("orders.delivery", delivery, carrier="Blue Parcel", tracking="BP 1")
        await act("orders.delivery/ship", delivery)
        for _twice in range(2):
            await site.work()
        await ctx.db.execute("DELETE FROM core_mail_account")
    mails = _read(desk)
    assert {"tom@example.com"} == {to for to, _subject, _text in mails}
    assert ["Предложение", "Заказ", "Новый", "Поставка"] == [
        subject.partition(" ")[0] for _to, subject, _text in mails
    ]
    told = [text for _to, _subject, text in mails]
    assert quote_link(ctx, quote) in told[0]
    assert all(status_link(ctx, order, 1) in text for text in told[1:])
    assert "Parts come late." in told[2]
    assert f"{moment.day} " in told[2]
    assert "Blue Parcel BP 1" in told[3]
    assert "2 x GTX Pro" in told[3]
