"""Units of measure: codes of trade, and what converts into what."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import msgspec

from crmkit import N_
from crmkit_orders.domain.errors import UnitError, UnrelatedUnitsError
from crmkit_orders.domain.money import check_number

#: Places after the point of a converted quantity that does not come out even.
PLACES = 12


class Unit(msgspec.Struct, frozen=True):
    """A unit of measure."""

    #: Common code of UN/ECE Recommendation 20; of a package, the code of Recommendation 21.
    code: str
    #: English, marked for translation.
    label: str
    #: What it measures; "" is something of its own, which converts into nothing else.
    measures: str = ""
    #: How many of the basic unit of what it measures: piece, second, month, gram, metre, square
    #: metre, litre, watt hour.
    factor: Decimal = Decimal(1)
    #: Code in invoices of EN 16931, where packages have an X in front: "XBX".
    invoice_code: str = ""


def _units() -> tuple[Unit, ...]:
    def unit(code: str, label: str, measures: str = "", factor: str = "1") -> Unit:
        return Unit(code, label, measures, Decimal(factor), code)

    def package(code: str, label: str) -> Unit:
        return Unit(code, label, invoice_code=f"X{code}")

    return (
        unit("C62", N_("piece"), "count"),
        unit("H87", N_("piece (H87)"), "count"),
        unit("EA", N_("each"), "count"),
        unit("PR", N_("pair"), "count", "2"),
        unit("DZN", N_("dozen"), "count", "12"),
        unit("CEN", N_("hundred"), "count", "100"),
        unit("MIL", N_("thousand"), "count", "1000"),
        unit("SET", N_("set")),
        unit("LS", N_("lump sum")),
        package("BX", N_("box")),
        package("CT", N_("carton")),
        package("PK", N_("package")),
        package("BG", N_("bag")),
        package("BO", N_("bottle")),
        package("RO", N_("roll")),
        package("PX", N_("pallet")),
        unit("SEC", N_("second"), "time"),
        unit("MIN", N_("minute"), "time", "60"),
        unit("HUR", N_("hour"), "time", "3600"),
        unit("DAY", N_("day")),
        unit("WEE", N_("week")),  # codespell:ignore
        unit("MON", N_("month"), "term"),
        unit("QAN", N_("quarter of a year"), "term", "3"),
        unit("ANN", N_("year"), "term", "12"),
        unit("MGM", N_("milligram"), "mass", "0.001"),
        unit("GRM", N_("gram"), "mass"),
        unit("KGM", N_("kilogram"), "mass", "1000"),
        unit("TNE", N_("tonne"), "mass", "1000000"),  # codespell:ignore
        unit("ONZ", N_("ounce"), "mass", "28.349523125"),
        unit("LBR", N_("pound (mass)"), "mass", "453.59237"),
        unit("MMT", N_("millimetre"), "length", "0.001"),
        unit("CMT", N_("centimetre"), "length", "0.01"),
        unit("MTR", N_("metre"), "length"),
        unit("KMT", N_("kilometre"), "length", "1000"),
        unit("INH", N_("inch"), "length", "0.0254"),  # codespell:ignore
        unit("FOT", N_("foot"), "length", "0.3048"),  # codespell:ignore
        unit("YRD", N_("yard"), "length", "0.9144"),
        unit("SMI", N_("mile"), "length", "1609.344"),
        unit("CMK", N_("square centimetre"), "area", "0.0001"),
        unit("MTK", N_("square metre"), "area"),
        unit("HAR", N_("hectare"), "area", "10000"),
        unit("KMK", N_("square kilometre"), "area", "1000000"),
        unit("FTK", N_("square foot"), "area", "0.09290304"),
        unit("MLT", N_("millilitre"), "volume", "0.001"),
        unit("CLT", N_("centilitre"), "volume", "0.01"),
        unit("LTR", N_("litre"), "volume"),
        unit("HLT", N_("hectolitre"), "volume", "100"),
        unit("MTQ", N_("cubic metre"), "volume", "1000"),
        unit("GLL", N_("gallon (US)"), "volume", "3.785411784"),
        unit("WHR", N_("watt hour"), "energy"),
        unit("KWH", N_("kilowatt hour"), "energy", "1000"),
        unit("MWH", N_("megawatt hour"), "energy", "1000000"),
    )


#: Code to unit, in the order people choose from.
UNITS = MappingProxyType({unit.code: unit for unit in _units()})


def unit_of(code: str) -> Unit:
    """Answer the unit of a code.

    Raises:
        UnitError: It is not known here.
    """
    unit = UNITS.get(code)
    if unit is None:
        text = N_("`{code}` is no unit that is known here; choose one of the list.")
        raise UnitError(text, code=code[:20])
    return unit


def is_related(one: str, other: str) -> bool:
    """Say whether quantities of two units convert into each other.

    Raises:
        UnitError: A unit is not known here.
    """
    first, second = unit_of(one), unit_of(other)
    return first.code == second.code or "" != first.measures == second.measures


def convert(quantity: Decimal, from_code: str, to_code: str) -> Decimal:
    """Answer a quantity in another unit.

    Exact where it comes out within 12 places, else rounded there, half up, away from zero: round
    the answer to the places of a quantity once, at the end.

    A day is not 24 hours and a week not 7 days here: sold are days of work, and how many hours
    they have is said in a contract. Months, quarters and years are terms and convert into each
    other only. Sets and packages hold what the product says, so they convert into nothing.

    Raises:
        UnitError: A unit is not known here.
        UnrelatedUnitsError: The units measure different things.
        AmountError: The quantity is no number, or has too many digits.

    Source:
        UN/ECE Recommendation 20, conversion factors, which are exact for all that are here; order
        rule "converting between unrelated units is refused".
    """
    check_number(quantity)
    source, target = unit_of(from_code), unit_of(to_code)
    if source.code == target.code:
        return quantity
    if not is_related(from_code, to_code):
        text = N_("{source} does not convert into {target}; enter the quantity in {target}.")
        raise UnrelatedUnitsError(text, source=source.label, target=target.label)
    exact = Fraction(quantity) * Fraction(source.factor) / Fraction(target.factor)
    # Half up on an integer: floor of the doubled magnitude plus one, halved.
    scaled = abs(exact) * 10**PLACES
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return _decimal(-whole if exact < 0 else whole)


def _decimal(whole: int) -> Decimal:
    """Answer so many units of the last place, without zeros at the end."""
    places = PLACES
    while places and whole % 10 == 0:
        whole //= 10
        places -= 1
    sign = int(whole < 0)
    return Decimal((sign, tuple(int(digit) for digit in str(abs(whole))), -places))
