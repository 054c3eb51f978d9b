"""Reads a JSON body and refuses what nothing could store, before any field is looked at."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from crmkit.errors import CrmkitError, MalformedError
from crmkit.web.translate import _

if TYPE_CHECKING:
    from crmkit.web.services import AnyRequest

_LARGEST = 2**63
_DIGITS = 19
_FLOAT_CHARACTERS = 60
_DEEPEST = 40


class MediaTypeError(CrmkitError):
    """The body is of another kind than JSON."""


async def read_body(request: AnyRequest, *, optional: bool = False) -> dict[str, Any]:
    """Answer the object a request carries.

    Args:
        optional: No body is an empty object.

    Raises:
        MediaTypeError: It is not sent as application/json.
        MalformedError: It is no JSON object, or holds what cannot be stored.
    """
    raw = await request.body()
    if optional and not raw:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise MediaTypeError(_("Send the body as JSON, with Content-Type: application/json."))
    return parse_object(raw)


def parse_object(raw: bytes) -> dict[str, Any]:
    """Parse a JSON object strictly; numbers with a point become decimals.

    Raises:
        MalformedError: No object; nested too deep; a name twice; NaN; a number over 8 bytes; a
            character that cannot be stored. Names the place.
    """
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_int=_whole,
            parse_float=_broken,
        )
    except RecursionError as error:
        raise MalformedError(_("The JSON is nested too deep. Send it flatter.")) from error
    except UnicodeDecodeError as error:
        raise MalformedError(_("The body is not UTF-8. Send it in that encoding.")) from error
    except json.JSONDecodeError as error:
        text = _("The body is no JSON: look at line %(line)s, column %(column)s.")
        raise MalformedError(text % {"line": error.lineno, "column": error.colno}) from error
    if not isinstance(value, dict):
        raise MalformedError(_("The body must be one JSON object, such as {}."))
    _check(value, "", 0)
    return value


def is_storable(text: str) -> bool:
    """Say whether a text has neither NUL nor half a character."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _value in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        shown = twice[:80].encode(errors="replace").decode()
        raise MalformedError(_("The name `%(name)s` stands twice. Send it once.") % {"name": shown})
    return found


def _no_number(text: str) -> NoReturn:
    raise MalformedError(_("%(text)s is no number in JSON. Leave it out.") % {"text": text})


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > _DIGITS or abs(int(text)) >= _LARGEST:
        raise MalformedError(_("A number has more than 8 bytes. Send a smaller one."))
    return int(text)


def _broken(text: str) -> int | Decimal:
    number = Decimal(text)
    if len(text) > _FLOAT_CHARACTERS or (abs(number.adjusted()) > _DIGITS and number):
        raise MalformedError(_("A number has more than 8 bytes. Send a smaller one."))
    # JSON Schema takes 1881.0 for a whole number (TRAPS S12).
    return _whole(str(int(number))) if number == number.to_integral_value() else number


def _check(value: Any, place: str, depth: int) -> None:  # noqa: ANN401 - any JSON
    if depth > _DEEPEST:
        raise MalformedError(_("The JSON is nested too deep. Send it flatter."))
    if isinstance(value, str) and not is_storable(value):
        text = _("The request holds a character that cannot be stored.")
        shown = place.encode(errors="replace").decode()
        raise MalformedError(text, {shown: _("holds a character that cannot be stored; remove it")})
    if isinstance(value, dict):
        for name, each in value.items():
            _check(name, place or "?", depth + 1)
            _check(each, f"{place}.{name}".lstrip("."), depth + 1)
    if isinstance(value, list):
        for each in value:
            _check(each, place, depth + 1)
