from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.work.mail.html_quotes import split_reply_html
from crmkit.work.mail.quoting import split_reply

INTRODUCTIONS = {
    "gmail": "On Tue, Mar 3, 2026 at 10:15 AM Anna Snelling <anna@example.com> wrote:",
    "gmail, broken": "On Tue, Mar 3, 2026 at 10:15 AM Anna Snelling <\nanna@example.com> wrote:",
    "apple": "> On 3 Mar 2026, at 10:15, Anna Snelling <anna@example.com> wrote:".removeprefix(
        "> "
    ),
    "thunderbird": "On 03.03.26 10:15, Anna Snelling wrote:",
    "gmail, ru": "вт, 3 мар. 2026 г. в 10:15, Ольга Петрова <olga@example.org>:",
    "thunderbird, ru": "03.03.2026 10:15, Ольга Петрова пишет:",
    "apple, ru": "3 марта 2026 г., в 10:15, Ольга Петрова <olga@example.org> написал(а):",
    "yandex": '03.03.2026, 10:15, "Ольга Петрова" <olga@example.org>:',
    "mail.ru": "Вторник, 3 марта 2026, 10:15 +03:00 от Ольга Петрова <olga@example.org>:",
    "gmail, de": "Am Di., 3. März 2026 um 10:15 Uhr schrieb Anna Snelling <anna@example.com>:",
    "thunderbird, de": "Am 03.03.2026 um 10:15 schrieb Anna Snelling:",
    "apple, de": "Am 03.03.2026 um 10:15 schrieb Anna Snelling <anna@example.com>:",
    "gmail, fr": "Le mar. 3 mars 2026 à 10:15, Anna Snelling <anna@example.com> a écrit :",
    "gmail, uk": "вт, 3 бер. 2026 р. о 10:15 Ольга <olga@example.org> пише:",
}
BLOCKS = {
    "outlook": "________________________________\nFrom: Anna Snelling <anna@example.com>\n"
    "Sent: Tuesday, March 3, 2026 10:15\nTo: Desk\nSubject: Order 42\n\nOld text",
    "outlook, ru": "От: Ольга Петрова <olga@example.org>\nОтправлено: 3 марта 2026 г. 10:15\n"
    "Кому: Desk\nТема: Заказ\n\nСтарый текст",
    "outlook, de": "Von: Anna Snelling <anna@example.com>\nGesendet: Dienstag, 3. März 2026 10:15\n"
    "An: Desk\nBetreff: Bestellung\n\nAlter Text",
    "outlook mobile": "*From:* Anna <anna@example.com>\n*Date:* Tuesday\n*To:* Desk\n\nOld text",
    "old outlook": "-----Original Message-----\nFrom: Anna\nOld text",
    "old outlook, ru": "-----Исходное сообщение-----\nОт: Ольга\nСтарый текст",
    "old outlook, de": "-----Ursprüngliche Nachricht-----\nVon: Anna\nAlter Text",
    "gmail, forwarded": "---------- Forwarded message ---------\nFrom: Anna\nOld text",
    "yandex, forwarded": "-------- Пересылаемое сообщение --------\n03.03.26, Ольга:\nСтарый текст",
    "apple, forwarded": "Begin forwarded message:\n\nFrom: Anna\nOld text",
    "mail.ru, forwarded": "-------- Пересланное сообщение --------\nОт кого: Ольга\nСтарый текст",
}


@pytest.mark.parametrize("client", INTRODUCTIONS)
@pytest.mark.parametrize("marked", [True, False])
def test_what_follows_an_introduction_is_quoted(client: str, *, marked: bool) -> None:
    old = "> Where is it?\n>\n> Anna" if marked else "Where is it?\n\nAnna"
    introduction = INTRODUCTIONS[client]

    new, quoted, signature = split_reply(f"It comes tomorrow.\n\n{introduction}\n\n{old}\n")

    assert ("It comes tomorrow.", f"{introduction}\n\n{old}", "") == (new, quoted, signature)


@pytest.mark.parametrize("client", BLOCKS)
def test_what_follows_a_block_of_headers_is_quoted(client: str) -> None:
    new, quoted, _ = split_reply(f"It comes tomorrow.\n\n{BLOCKS[client]}\n")

    assert ("It comes tomorrow.", BLOCKS[client]) == (new, quoted)


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nAnna Snelling\n+1 312 555 0148",
        "--\nAnna",
        "Sent from my iPhone",
        "Get Outlook for Android",
        "Отправлено с iPhone",
        "Отправлено из мобильной Яндекс.Почты",
        "Отправлено из Mail.ru для Android",
        "Von meinem iPhone gesendet",
        "Best regards,\nAnna Snelling\nExample Ltd",
        "С уважением,\nОльга Петрова\nООО «Пример»",
        "С уважением, Ольга",
        "Mit freundlichen Grüßen\nAnna Snelling",
        "Viele Grüße\nAnna",
    ],
)
@pytest.mark.parametrize("quote", ["", "\n\nOn 3 Mar 2026 10:15, Desk wrote:\n> Old"])
def test_a_signature_is_found(signature: str, quote: str) -> None:
    found = split_reply(f"It comes tomorrow.\n\n{signature}{quote}")

    assert ("It comes tomorrow.", signature) == (found.new, found.signature)
    assert quote.strip() == found.quoted


@pytest.mark.parametrize(
    "text",
    [
        "Just a line.",
        "As Anna wrote:\nthe order is late.",
        "He wrote: come back.",
        "From: the desk of Anna\nHello",
        "> Is it red?\nYes.\n> Is it big?\nNo.",
        "On 3 Mar 2026 10:15, Anna wrote:\n> Is it red?\nYes.\n> Is it big?\nNo.",
        "> Is it red?\n\nYes, it is, and we have more.",
        "Prices:\n- nails: 10\n-- two dashes within\nend",
        "5 > 3 and 2 < 4",
        "",
        "The best regards come from Anna, who wants to know much more of it in a sentence.",
        "Дата: 3 марта\nТема: встреча",
        "Yes.\nBest regards,\nAnna\n\nP.S. Send the invoice.",
        "Да.\nС уважением, Ольга\n\nКогда ждать?",
    ],
)
def test_when_in_doubt_all_is_new(text: str) -> None:
    assert (text, "", "") == tuple(split_reply(text))


@pytest.mark.parametrize("text", [*BLOCKS.values(), "> only\n> a quote"])
def test_a_message_is_never_empty(text: str) -> None:
    assert (text.strip(), "", "") == tuple(split_reply(text))


def test_marked_lines_without_introduction_are_quoted() -> None:
    assert ("Yes.", "> Is it red?\n> Anna", "") == tuple(
        split_reply("Yes.\n\n> Is it red?\n> Anna")
    )


def test_the_footer_of_a_list_belongs_to_the_quote() -> None:
    footer = "_______________________________________________\nGardens mailing list"

    new, quoted, _ = split_reply(f"Yes.\n\n> Is it red?\n{footer}")

    assert ("Yes.", f"> Is it red?\n{footer}") == (new, quoted)


HTML = {
    "gmail": "<div>{}</div><div class='gmail_quote'><div class='gmail_attr'>On Tue wrote:</div>"
    "<blockquote class='gmail_quote'>Old</blockquote></div>",
    "apple": "<div>{}</div><div><blockquote type='cite'><div>Old</div></blockquote></div>",
    "thunderbird": "<p>{}</p><div class='moz-cite-prefix'>On 03.03.26 wrote:</div>"
    "<blockquote type='cite'>Old</blockquote>",
    "outlook": "<div>{}</div><hr id='stopSpelling'><div id='divRplyFwdMsg'>From: Anna</div>"
    "<div>Old</div>",
    "outlook, old": "<p>{}</p><div class=OutlookMessageHeader>From: Anna</div><p>Old</p>",
    "outlook web": "<div>{}</div><div id='appendonsend'></div><hr><p>From: Anna</p><p>Old</p>",
    "yahoo": "<div>{}</div><div class='yahoo_quoted'>On Tue wrote: Old</div>",
    "proton": "<div>{}</div><div class='protonmail_quote'>On Tue wrote: Old</div>",
    "yandex": '<div>{}</div><div>03.03.2026, 10:15, "Anna" &lt;a@example.com&gt;:</div>'
    "<blockquote>Old</blockquote>",
    "mail.ru": "<p>{}</p><blockquote>Вторник, 3 марта 2026, 10:15 +03:00 от Ольга "
    "&lt;o@example.org&gt;:<br>Old</blockquote>",
    "outlook desktop": "<p class=MsoNormal>{}</p><div><p class=MsoNormal><b>From:</b> Anna<br>"
    "<b>Sent:</b> Tuesday<br><b>To:</b> Desk<br><b>Subject:</b> x</p></div><p>Old</p>",
}


@pytest.mark.parametrize("client", HTML)
def test_a_quote_in_html_is_found_by_its_marks(client: str) -> None:
    new, quoted, _ = split_reply_html(HTML[client].format("It comes <b>tomorrow</b>."))

    assert "It comes tomorrow." == new
    assert "Old" in quoted


def test_an_answer_between_quotes_in_html_is_new() -> None:
    html = (
        "<blockquote type=cite>Is it red?</blockquote><p>Yes.</p>"
        "<blockquote type=cite>Is it big?</blockquote><p>No.</p>"
    )

    new = split_reply_html(html).new

    assert all(part in new for part in ("Yes.", "No.", "> Is it red?"))


@pytest.mark.parametrize("html", ["", "<p></p>", "<blockquote type=cite>Only a quote</blockquote>"])
def test_html_without_anything_new(html: str) -> None:
    new, quoted, signature = split_reply_html(html)

    assert ("Only a quote" in html, "", "") == ("Only a quote" in new, quoted, signature)


LINES = [
    "Hello", "", "> quote", ">> deeper", "-- ", "From: Anna <a@example.com>", "Sent: today",
    "To: x", "On 3 Mar 2026 10:15, Anna wrote:", "-----Original Message-----",
    "Best regards,", "Anna",
    "________________________________", "Sent from my iPhone", "С уважением,",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=25))
def test_no_line_is_lost_or_moved(lines: list[str]) -> None:
    new, quoted, signature = split_reply("\n".join(lines))

    told = [line.strip() for part in (new, signature, quoted) for line in part.split("\n")]
    assert [line.strip() for line in lines if line.strip()] == [line for line in told if line]
    assert bool("".join(lines).strip()) == bool(new)


@pytest.mark.parametrize(
    "text",
    ["> a\nb\n" * 9000, "From: x\n" * 19_000, "On 1:00 " * 100_000 + "wrote:", "\n" * 100_000,
     "a <b@c>" * 20_000, "Sent from my " + "x" * 100_000, "Am 10:00 schrieb " * 5000,
     "_" * 200_000],
    ids=range(8),
)  # fmt: skip
def test_a_text_made_to_take_long_does_not(text: str) -> None:
    begun = time.process_time()

    split_reply(text)

    assert time.process_time() - begun < 2
