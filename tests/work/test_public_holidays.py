from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest

from crmkit.model.public_holidays import (
    countries,
    find_country,
    find_region,
    nearest_country,
    nearest_regions,
    public_holidays,
)


def test_holidays_are_of_the_country_and_its_part() -> None:
    bavaria = public_holidays("DE", "BY", 2026, 2027, "en")
    assert "Epiphany" == bavaria[date(2027, 1, 6)]
    assert date(2027, 1, 6) not in public_holidays("DE", "", 2026, 2027, "en")
    assert list(bavaria) == sorted(bavaria)
    assert {2026, 2027} == {day.year for day in bavaria}


def test_names_are_in_the_readers_language_where_it_is_known() -> None:
    new_year = date(2026, 1, 1)
    assert "Новогодние каникулы" == public_holidays("RU", "", 2026, 2026, "ru")[new_year]
    assert "New Year Holidays" == public_holidays("RU", "", 2026, 2026, "en")[new_year]
    assert "Neujahr" == public_holidays("DE", "", 2026, 2026, "ru")[new_year]
    assert "Neujahr" == public_holidays("DE", "", 2026, 2026)[new_year]


def test_an_unknown_country_has_none() -> None:
    assert {} == public_holidays("", "", 2026, 2026)
    assert {} == public_holidays("XX", "YY", 2026, 2026)
    assert public_holidays("DE", "", 2026, 2026) == public_holidays("DE", "XX", 2026, 2026)


@pytest.mark.parametrize("text", ["DE", "de", " Germany ", "германия"])
def test_a_country_is_found_by_code_or_name(text: str) -> None:
    assert "DE" == find_country(text)


def test_parts_are_found_by_code_or_name_and_near_ones_named() -> None:
    assert ("BY", "BY", "") == (
        find_region("DE", "by"), find_region("DE", "Bayern"), find_region("DE", "Wales"),
    )  # fmt: skip
    assert ("", "", "") == (find_country("Atlantis"), nearest_country("%%"), find_region("RU", "X"))
    assert "DE (Germany)" == nearest_country("Germny")
    assert "WLS" == nearest_regions("GB", "Whales")
    assert "" == nearest_regions("RU", "Moscow")
    assert 200 < len(countries())


def test_the_package_is_loaded_only_when_a_calendar_asks() -> None:
    code = (
        "import crmkit.web.app, crmkit.cli.hours, sys\n"
        "crmkit.work.calendars.public_holidays('', '', 2026, 2027)\n"
        "sys.exit('holidays' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert 0 == done.returncode
