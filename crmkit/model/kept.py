"""Sentences that are kept with a record, and said in the language of whoever reads them."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from babel.dates import format_date, format_time
from babel.numbers import format_decimal

from crmkit.model.values import Sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context

_BETWEEN = " · "
_PLACE = re.compile(r"\{(\w+)\}")


def keep_sentences(*sentences: Sentence) -> str:
    """Answer a text to be stored, from which `say_kept` says the sentences to any reader.

    What was decided stays as it was: numbers, days, moments (aware) and names are kept as values,
    and only the words around them follow the reader. A sentence may be a value itself.
    """
    return json.dumps([_packed(each) for each in sentences], ensure_ascii=False)


def keep_words(words: Mapping[str, str]) -> str:
    """Answer a text to be stored that holds the same words in several languages.

    Args:
        words: Language, such as "ru", to what is read in it; "" is for all others.
    """
    return json.dumps(dict(words), ensure_ascii=False)


def join_kept(*kept: str) -> str:
    """Answer stored texts as one; those that were stored as plain words stay plain words."""
    sentences: list[Any] = []
    for each in kept:
        found = _unpacked(each)
        if isinstance(found, list):
            sentences += found
        elif each:
            sentences.append(["{said}", {"said": each}])
    return json.dumps(sentences, ensure_ascii=False) if sentences else ""


def say_kept(ctx: Context, stored: str) -> str:
    """Say what `keep_sentences` or `keep_words` made; any other text as far as it is translated.

    Moments are given in the reader's time zone.
    """
    found = _unpacked(stored)
    if found is None:
        return ctx.translate(stored)
    if isinstance(found, dict):
        words: str = found.get(ctx.language) or found.get("", "")
        return words
    return _BETWEEN.join(_said(ctx, text, values) for text, values in found)


def _packed(sentence: Sentence) -> list[Any]:
    return [sentence.template, {name: _value(each) for name, each in sentence.places.items()}]


def _value(value: object) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Sentence):
        return {"sentence": _packed(value)}
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, date):
        return {"day": value.isoformat()}
    if isinstance(value, Decimal | int):
        return {"number": f"{Decimal(value):f}"}
    return str(value)


def _unpacked(stored: str) -> list[Any] | dict[str, str] | None:
    """Answer what is in a stored text; None when it is somebody's own words."""
    if not stored.startswith(("[", "{")):
        return None
    try:
        found = json.loads(stored)
    except ValueError:
        return None
    if isinstance(found, dict):
        return found if all(isinstance(each, str) for each in found.values()) else None
    return found if all(map(_is_sentence, found)) else None


def _is_sentence(found: Any) -> bool:  # noqa: ANN401 - JSON
    is_pair = isinstance(found, list) and len(found) == 2  # noqa: PLR2004 - a text and its values
    return is_pair and isinstance(found[0], str) and isinstance(found[1], dict)


def _said(ctx: Context, text: str, values: Mapping[str, Any]) -> str:
    places = {name: _shown(ctx, each) for name, each in values.items()}
    # Not `format`: what people write may look like a kept sentence, and `{a:>999999999}` is long.
    return _PLACE.sub(lambda place: places.get(place[1], place[0]), ctx.translate(text))


def _shown(ctx: Context, value: Any) -> str:  # noqa: ANN401 - JSON
    if not isinstance(value, dict):
        return str(value)
    kind, each = next(iter(value.items()), ("", ""))
    try:
        if kind == "sentence" and _is_sentence(each):
            return _said(ctx, *each)
        if kind == "number":
            return format_decimal(Decimal(each), locale=ctx.language, decimal_quantization=False)
        if kind == "day":
            return _day(ctx, date.fromisoformat(each))
        if kind == "moment":
            local = datetime.fromisoformat(each).astimezone(ctx.time_zone)
            return f"{_day(ctx, local.date())}, {format_time(local, 'short', locale=ctx.language)}"
    except (ValueError, TypeError, InvalidOperation):
        pass  # nothing that `keep_sentences` writes
    return str(each)


def _day(ctx: Context, day: date) -> str:
    """Answer a day that reads the same whenever it is read."""
    return format_date(day, "EEEE, d MMMM y", locale=ctx.language)
