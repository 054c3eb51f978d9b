"""Sentences are kept with a record and said to each reader; nothing else in it is touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from crmkit import Sentence, join_kept, keep_sentences, keep_words, say_kept

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context

    Login = Callable[..., Awaitable[Context]]

_RUSSIAN = {
    "{n} of {what} on {day}": "{day}: {n} из «{what}»",
    "from {at}": "с {at}",
    "both": "оба",
    "Old words": "Старые слова",
}


async def _readers(act_as: Login) -> tuple[Context, Context]:
    english = await act_as("administrator")
    spoken = replace(english.principal, language="ru", time_zone="Europe/Berlin")
    russian = replace(english, principal=spoken, translate=lambda text: _RUSSIAN.get(text, text))
    return english, russian


async def test_each_reader_reads_what_was_kept_in_his_words_numbers_and_zone(act_as: Login) -> None:
    english, russian = await _readers(act_as)
    day, at = date(2026, 11, 27), datetime(2026, 11, 27, 23, 30, tzinfo=UTC)
    kept = keep_sentences(
        Sentence("{n} of {what} on {day}", n=Decimal("1234.50"), what=Sentence("both"), day=day),
        Sentence("from {at}", at=at),
    )
    told = say_kept(russian, kept)
    assert told.startswith("пятница, 27 ноября 2026: 1\xa0234,5 из «оба» · с суббота, 28 ноября")
    assert told.endswith("00:30")
    assert say_kept(english, kept).startswith("1,234.5 of both on Friday, 27 November 2026")


async def test_somebodys_own_words_are_read_as_they_are(act_as: Login) -> None:
    english, russian = await _readers(act_as)
    for text in ("[a] {b}", '{"broken', "[1, 2]", '{"n": 1}', '[["only one"]]', "{n}", "[]x"):
        assert text == say_kept(russian, text)
    assert ("Old words", "Старые слова") == (
        say_kept(english, "Old words"), say_kept(russian, "Old words"),
    )  # fmt: skip
    # A name that looks like a place is a value, and stays one.
    assert "from {at} {0}" == say_kept(
        english, keep_sentences(Sentence("from {at}", at="{at} {0}"))
    )
    # A title that looks like a kept sentence asks for no padding of a gigabyte.
    assert "{a:>99}" == say_kept(english, '[["{a:>99}", {"a": "x"}]]')
    # What an earlier version, or another plugin, wrote in a way of its own costs no page.
    assert "from {at}" == say_kept(english, '[["from {at}", {"on": "x"}]]')
    assert "from ?" == say_kept(english, '[["from {at}", {"at": {"day": "?"}}]]')


async def test_the_same_words_are_kept_in_several_languages(act_as: Login) -> None:
    english, russian = await _readers(act_as)
    kept = keep_words({"": "Gravieren", "ru": "Гравировка"})
    assert ("Gravieren", "Гравировка") == (say_kept(english, kept), say_kept(russian, kept))


async def test_what_is_joined_keeps_words_that_were_text_before(act_as: Login) -> None:
    english, russian = await _readers(act_as)
    joined = join_kept("[a] old", "", keep_sentences(Sentence("both")))
    assert ("[a] old · both", "[a] old · оба") == (
        say_kept(english, joined), say_kept(russian, joined),
    )  # fmt: skip
    assert "" == join_kept("", "")
