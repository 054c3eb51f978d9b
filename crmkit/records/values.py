"""Turns what people type into values, and reports all problems at once."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import phonenumbers
import structlog
from email_validator import EmailNotValidError, validate_email

from crmkit.errors import InvalidError
from crmkit.model.money import MOST_PLACES, places_or_two
from crmkit.model.values import N_
from crmkit.model.written_numbers import (
    COMMA,
    POINT,
    NumberMarks,
    marks_of,
    marks_proved,
    plain_number,
    read_written,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from crmkit.model.adapters import FieldType
    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan

_LARGEST = 2**63
_LONGEST = 1_000_000
_LONGEST_PROBLEM = 300
#: An amount with so many places looks like one with thousands.
_FINE = 3
_log = structlog.get_logger("crmkit.values")
_URL = re.compile(r"^https?://[^\s/$.?#][^\s]*$", re.IGNORECASE)
#: `Decimal` also takes 1_0, NaN, Infinity and digits of other scripts.
_PLAIN_NUMBER = re.compile(r"^[+-]?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]{1,3})?$")
_NOT_STORED = re.compile("[\x00\ud800-\udfff]")
#: The usual beginning of an address, which needs no look at each letter; the rest is the domain.
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN_ADDRESS, _LONGEST_LOCAL = 200, 64
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


class ValueProblem(ValueError):  # noqa: N818 - a problem of a value, told to a person
    """A value does not fit; the text says what to do.

    `str()` of it is English; `told` is for the reader.
    """

    def __init__(self, text: str, **values: object) -> None:
        super().__init__(text.format(**values) if values else text)
        self._text = text
        self._values = values

    def told(self, translate: Callable[[str], str]) -> str:
        """Answer the text in the reader's language."""
        text = translate(self._text)
        return text.format(**self._values) if self._values else text


def parse_values(
    ctx: Context, plan: EntityPlan, raw: Mapping[str, str], currency: str = ""
) -> dict[str, Any]:
    """Parse the fields a form sent.

    Args:
        raw: Field name to text. Names that are no editable field of the entity are refused.
        currency: Of the record or its document, where `raw` does not say it; "" is the site's.

    Raises:
        InvalidError: All problems, by field.
    """
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    marks = typed_marks(ctx, raw.get("currency") or currency)
    for name, text in raw.items():
        field = plan.field(name)
        if field is None or not field.editable:
            problems[name] = ctx.translate(N_("is no field that can be written"))
            continue
        try:
            values[name] = parse_value(ctx, field, text, marks)
        except ValueProblem as problem:
            problems[name] = problem.told(ctx.translate)
    if problems:
        raise InvalidError(
            ctx.translate(N_("Some fields need a correction before this can be saved.")), problems
        )
    return values


def parse_value(ctx: Context, field: Field, text: str, marks: NumberMarks | None = None) -> Any:  # noqa: ANN401
    """Parse one text; empty text is None, or "" for text columns.

    Args:
        marks: Of amounts; None are those of the reader.

    Raises:
        ValueProblem: It does not fit.
    """
    if _NOT_STORED.search(text):
        raise ValueProblem(N_("holds a character that cannot be stored; remove it"))
    text = text.strip() if field.kind != "textarea" else text.replace("\r\n", "\n").rstrip()
    if field.kind == "checkbox":
        return text.lower() in {"1", "on", "true", "yes"}
    if not text:
        return "" if field.kind in _TEXTUAL else None
    if field.max_length is not None and len(text) > field.max_length:
        raise ValueProblem(N_("is longer than {n} characters; shorten it"), n=field.max_length)
    if len(text) > _LONGEST:
        raise ValueProblem(N_("is longer than a million characters; shorten it"))
    parse = _PARSERS.get(field.kind)
    if field.type is not None:
        return _typed(field, field.type, text)
    if field.kind in {"decimal", "money"}:
        return _amount(field, text, marks or typed_marks(ctx))
    return parse(ctx, field, text) if parse else text


def _typed(field: Field, kind: FieldType, text: str) -> str:
    """Ask a plugin's kind of field; what it cannot read is a problem of the value."""
    try:
        stored: Any = kind.parse(text)  # a stranger's answer
    except ValueError as error:
        told = str(error)[:_LONGEST_PROBLEM]
        raise ValueProblem(told or N_("does not fit")) from error
    except Exception as error:
        _log.error("field type failed", type=kind.name, error=repr(error))
        raise ValueProblem(N_("cannot be checked now; the plugin of this kind failed")) from error
    if not isinstance(stored, str) or len(stored) > (field.max_length or _LONGEST):
        raise ValueProblem(N_("cannot be checked now; the plugin of this kind failed"))
    return stored


_TEXTUAL = frozenset({"text", "textarea", "email", "phone", "url", "choice", "currency"})


def _number(_ctx: Context, _field: Field, text: str) -> int:
    digits = re.sub(r"[\s\u00a0\u202f']", "", text)
    if not re.fullmatch(r"[+-]?\d{1,19}", digits) or abs(int(digits)) >= _LARGEST:
        raise ValueProblem(N_("is not a whole number; enter digits only"))
    return int(digits)


def typed_marks(ctx: Context, currency: str = "") -> NumberMarks:
    """Answer what comma and point are in an amount that the reader types.

    Those of the reader's language. A point is a decimal mark whoever types it, since forms, files
    and programs write one. Where an amount has three places or more, "1,234" may be meant as both,
    so there no comma sets thousands apart by itself.

    Args:
        currency: Of the amount; "" is the site's.
    """
    decimal, group = marks_of(ctx.language)
    is_fine = places_or_two(currency or ctx.config.currency) >= _FINE
    return NumberMarks(f"{decimal}.", "" if is_fine or group == "." else group)


def read_number(ctx: Context, text: str, currency: str = "") -> Decimal:
    """Answer the number that the reader typed: by his language, with any usual blanks.

    Args:
        currency: Of an amount; "" is the site's.

    Raises:
        InvalidError: It is no number, too large, or can be read in two ways; the message says
            which, to stand beside the field.
    """
    try:
        return parse_decimal(text, typed_marks(ctx, currency))
    except ValueProblem as problem:
        raise InvalidError(problem.told(ctx.translate)) from problem


def parse_decimal(text: str, marks: NumberMarks = POINT) -> Decimal:
    """Parse 1,234.56, 1 234,56 and 1234.5.

    Args:
        marks: What a comma or a point is that does not say it itself, as in "1,234".

    Raises:
        ValueProblem: It is no number, or can be read in two ways.
    """
    number = read_decimal(text, marks)
    if not number.is_finite() or abs(number) >= 10**14:
        raise ValueProblem(N_("is too large"))
    return number


def read_decimal(text: str, marks: NumberMarks) -> Decimal:
    """Answer a number of any size; raises as `parse_decimal`."""
    sign, body = _signed(text)
    number = read_written(body, marks)
    if number is not None:
        return number.copy_negate() if sign == "-" else number
    large, small = read_written(body, POINT), read_written(body, COMMA)
    if large is not None and small is not None:
        ways = sorted((large, small), reverse=True)
        told = {name: f"{sign}{way:f}" for name, way in zip(("large", "small"), ways, strict=True)}
        raise ValueProblem(N_("can be read as {large} or as {small}; write one of these"), **told)
    if not _PLAIN_NUMBER.match(body):
        raise ValueProblem(N_("is not a number, such as 1234.50"))
    try:
        return Decimal(sign + body)
    except InvalidOperation as error:
        raise ValueProblem(N_("is not a number, such as 1234.50")) from error


def _signed(text: str) -> tuple[str, str]:
    """Answer the sign of a number and the rest of it, without a mark of currency."""
    plain = plain_number(re.sub(r"[$€£₽]", "", text))
    sign = plain[:1] if plain[:1] in {"+", "-"} else ""
    return sign, plain[len(sign) :].lstrip()


def file_marks(ctx: Context, texts: Iterable[str]) -> NumberMarks:
    """Answer the marks of amounts that stand together, by those that leave no doubt.

    Where none does, those of the reader.
    """
    bodies = [_signed(text)[1] for text in texts]
    proved = marks_proved(body for body in bodies if read_written(body, POINT) is not None
                          or read_written(body, COMMA) is not None)  # fmt: skip
    return proved if proved.decimal else typed_marks(ctx)


def _amount(field: Field, text: str, marks: NumberMarks) -> Decimal:
    number = parse_decimal(text, marks)
    # Which currency it is, and how many places that has, is known when the record is saved.
    if field.kind == "money" and number != round(number, MOST_PLACES):
        raise ValueProblem(N_("has more than {n} digits after the point; round it"), n=MOST_PLACES)
    return number


def _date(_ctx: Context, _field: Field, text: str) -> date:
    try:
        if not _DAY.match(text):
            raise ValueError(text)  # noqa: TRY301
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueProblem(N_("is not a date, such as 2026-11-24")) from error


def _moment(ctx: Context, _field: Field, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueProblem(N_("is not a date with a time, such as 2026-11-24T14:00")) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=ctx.time_zone)).astimezone(UTC)


def _choice(_ctx: Context, field: Field, text: str) -> str:
    if text not in {choice.value for choice in field.choices}:
        raise ValueProblem(N_("is not one of the choices"))
    return text


def _reference(_ctx: Context, _field: Field, text: str) -> int:
    if not re.fullmatch(r"\d{1,18}", text):
        raise ValueProblem(N_("names no record, or several; type the full name of one"))
    return int(text)


def _email(_ctx: Context, _field: Field, text: str) -> str:
    local, at, domain = text.rpartition("@")
    is_plain = (
        bool(at)
        and len(text) <= _PLAIN_ADDRESS
        and len(local) <= _LONGEST_LOCAL
        and domain.isascii()
        and "xn--" not in domain.lower()
        and _PLAIN_LOCAL.fullmatch(local) is not None
    )
    if not (is_plain and _is_domain(domain)) and not _is_address(text):
        raise ValueProblem(N_("is not a complete address, such as anna@example.com"))
    return text


def _is_address(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False, allow_smtputf8=True)
    except EmailNotValidError:
        return False
    return True


@lru_cache(maxsize=2048)
def _is_domain(text: str) -> bool:
    """Say whether addresses may end so; those of a file share few domains."""
    return _is_address(f"a@{text}")


def _phone(_ctx: Context, _field: Field, text: str) -> str:
    if sum(letter.isdigit() for letter in text) < 3:  # noqa: PLR2004 - emergency numbers have 3
        raise ValueProblem(
            N_("is not a telephone number; enter it with its country, +1 312 555 0148")
        )
    return text


def phone_e164(text: str) -> str:
    """Answer a number as E.164, "" when its country is not known."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return ""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _url(_ctx: Context, _field: Field, text: str) -> str:
    address = text if "://" in text else f"https://{text}"
    if not _URL.match(address):
        raise ValueProblem(N_("is not a web address, such as https://example.com"))
    return address


def _currency(_ctx: Context, _field: Field, text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{3}", text):
        raise ValueProblem(N_("is not a currency code of three letters, such as USD"))
    return text.upper()


_PARSERS: dict[str, Callable[[Context, Field, str], Any]] = {
    "number": _number,
    "date": _date,
    "datetime": _moment,
    "choice": _choice,
    "reference": _reference,
    "email": _email,
    "phone": _phone,
    "url": _url,
    "currency": _currency,
}
