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
from crmkit.model.money import MOST_PLACES
from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crmkit.model.adapters import FieldType
    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan

_LARGEST = 2**63
_LONGEST = 1_000_000
_LONGEST_PROBLEM = 300
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


def parse_values(ctx: Context, plan: EntityPlan, raw: Mapping[str, str]) -> dict[str, Any]:
    """Parse the fields a form sent.

    Args:
        raw: Field name to text. Names that are no editable field of the entity are refused.

    Raises:
        InvalidError: All problems, by field.
    """
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, text in raw.items():
        field = plan.field(name)
        if field is None or not field.editable:
            problems[name] = ctx.translate(N_("is no field that can be written"))
            continue
        try:
            values[name] = parse_value(ctx, field, text)
        except ValueProblem as problem:
            problems[name] = problem.told(ctx.translate)
    if problems:
        raise InvalidError(
            ctx.translate(N_("Some fields need a correction before this can be saved.")), problems
        )
    return values


def parse_value(ctx: Context, field: Field, text: str) -> Any:  # noqa: ANN401
    """Parse one text; empty text is None, or "" for text columns.

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


def parse_decimal(text: str) -> Decimal:
    """Parse 1,234.56, 1 234,56 and 1234.5.

    Raises:
        ValueProblem: It is no number.
    """
    plain = re.sub(r"[\s\u00a0\u202f'$€£₽]", "", text)
    comma, dot = plain.rfind(","), plain.rfind(".")
    if comma >= 0 and dot >= 0:
        plain = plain.replace("," if dot > comma else ".", "").replace(",", ".")
    elif comma >= 0:
        tail = len(plain) - comma - 1
        # A group has three digits and no zero before it.
        lone = plain.count(",") == 1 and (tail != 3 or plain.lstrip("+-").startswith("0"))  # noqa: PLR2004
        plain = plain.replace(",", "." if lone else "")
    if not _PLAIN_NUMBER.match(plain):
        raise ValueProblem(N_("is not a number, such as 1234.50"))
    try:
        number = Decimal(plain)
    except InvalidOperation as error:
        raise ValueProblem(N_("is not a number, such as 1234.50")) from error
    if not number.is_finite() or abs(number) >= 10**14:
        raise ValueProblem(N_("is too large"))
    return number


def _decimal(_ctx: Context, _field: Field, text: str) -> Decimal:
    return parse_decimal(text)


def _money(_ctx: Context, _field: Field, text: str) -> Decimal:
    number = parse_decimal(text)
    # Which currency it is, and how many places that has, is known when the record is saved.
    if number != round(number, MOST_PLACES):
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
    "decimal": _decimal,
    "money": _money,
    "date": _date,
    "datetime": _moment,
    "choice": _choice,
    "reference": _reference,
    "email": _email,
    "phone": _phone,
    "url": _url,
    "currency": _currency,
}
