"""How mailers mark what they quote, and how people and programs end a message."""

from __future__ import annotations

import re

#: `On Tue, 3 Mar 2026, Anna wrote:` in the languages of mailers. A date or an address must be in
#: it, so that a sentence that ends with "wrote:" stays.
INTRODUCES = re.compile(
    r"(?:\bwrote|\bwrites|\bschrieb(?:en)?(?: .{1,120})?"
    r"|\bнаписала?|\bпишет|\bписала?|\bнаписал\(а\)"
    r"|\ba écrit|\bescribió|\bha scritto|\bnapisała?|\bpisze|\bescreveu|\bнаписав|\bпише)\s?:?\s*$"
    # Mail.ru and Yandex: a date, then the writer, and the quote.
    r"|^\s*\d{1,2}[.:]\d{2}[.,:]\s?\d{2,4},?\s.{0,120}<[^<>\s]{3,120}>\s?:$"
    # Gmail: a weekday, a date and a time.
    r"|^.{0,60}\d{4}.{0,30}\d{1,2}[:.]\d{2},?\s.{0,120}<[^<>\s]{3,120}>\s?:$"
    r"|^.{0,160}(?:\bот\b|\bfrom\b|\bvon\b) .{1,120}<[^<>\s]{3,120}>\s?:$",
    re.IGNORECASE,
)
WHEN_OR_WHO = re.compile(r"\d{1,2}[:.]\d{2}|\d{4}|[^\s<>@]{1,64}@[^\s<>@]{1,190}")
#: Lines above a whole message that Outlook, Thunderbird and others put below an answer.
BAR = re.compile(
    r"^\s*[-_=*]{2,}\s*(?:original message|original appointment|forwarded message|reply message"
    r"|ursprüngliche nachricht|weitergeleitete nachricht|original-nachricht"
    r"|исходное сообщение|пересылаемое сообщение|пересланное сообщение|перенаправленное сообщение"
    r"|конец пересылаемого сообщения|message d'origine|mensaje original|messaggio originale"
    r")\s*[-_=*]{2,}\s*$"
    r"|^\s*(?:begin forwarded message|anfang der weitergeleiteten nachricht"
    r"|начало переадресованного сообщения|начало пересылаемого сообщения)\s*:?\s*$",
    re.IGNORECASE,
)
LINE = re.compile(r"^\s*_{10,}\s*$")
FROM = re.compile(r"^\s*\*?(?:from|von|от|от кого|de|da|od|від)\s?:\*?\s*\S", re.IGNORECASE)
FIELD = re.compile(
    r"^\s*\*?(?:sent|date|to|subject|cc|gesendet|datum|an|betreff|отправлено|дата|кому|тема|копия"
    r"|envoyé|objet|à|enviado|asunto|para|inviato|oggetto|wysłano|надіслано)\s?:\*?\s*\S",
    re.IGNORECASE,
)
QUOTE = re.compile(r"^\s{0,3}>")
MARK = re.compile(r"^-- ?$")
#: Programs write these below each message; nobody does.
SENT_FROM = re.compile(
    r"^\s*(?:sent from my \S.{0,60}|sent from (?:outlook|mail|yahoo|proton).{0,60}"
    r"|get outlook for .{1,60}"
    r"|отправлено (?:с|из|от) .{1,80}|отправлено с iphone|von meinem \S.{0,60} gesendet"
    r"|gesendet (?:von|mit) (?:meinem )?.{1,60}|diese nachricht wurde von .{1,60} gesendet"
    r"|envoyé de mon .{1,40}|enviado desde mi .{1,40}|скачать outlook для .{1,60}"
    r"|получить outlook для .{1,60})\s*$",
    re.IGNORECASE,
)
FAREWELL = re.compile(
    r"^\s*(?:(?:with )?(?:best|kind|warm|many)(?: regards| wishes| thanks)?"
    r"|regards|sincerely(?: yours)?"
    r"|yours (?:sincerely|faithfully|truly)|cheers"
    r"|с уважением|с наилучшими пожеланиями|всего доброго|с благодарностью"
    r"|mit freundlichen grüßen|mit freundlichen gruessen|(?:viele|beste|liebe) grüße"
    r"|freundliche grüße|mfg|vg)\s*[,.!]?(?:\s.{0,60})?$",
    re.IGNORECASE,
)
