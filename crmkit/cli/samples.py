"""Sample companies, people and calls: pure, the same seed gives the same rows.

Names are made of syllables, so nobody real is meant. Forty surnames are rare: each is borne by 200
people whatever the size, so that a search for one finds as many in a large company as in a small
one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GIVEN = _words(
    """
    Ada Ben Carla Dario Elin Farid Greta Hugo Ines Jonas Katja Liam Mara Nils Olga Pavel Quinn
    Rosa Sven Tara Umar Vera Wanda Yusuf Zoe Анна Борис Вера Глеб Дарья
    """
)
_FIRST = _words(
    """
    Bar Cal Den Eld Far Gar Hol Ist Jan Kel Lor Mar Nor Osk Pel Ral Sal Tor Ulm Ver
    """
)
_LAST = _words(
    """
    ano berg dal eno feld gren holm insk jova kamp lund mann nova oren park quist rud
    """
)
_KINDS = _words(
    """
    Works Trade Systems Labs Foods Energy Logistics Studio Group Partners
    """
)
_SECTORS = _words(
    """
    retail medical software finance services marketing employment entertainment
    """
)
_CITIES = _words(
    """
    Aarhus Bergen Cologne Dresden Exeter Florence Ghent Hamburg Izmir Kazan Lyon Malmö Nantes
    Odense Porto Rostock Seville Turin Utrecht Варна
    """
)
_JOBS = ("Buyer", "Head of purchasing", "Owner", "Assistant", "Engineer", "Accountant")
_WORDS = (
    "Asked for the price list", "Wants a call next week", "Sent the offer", "Signed for a year",
    "Compared us with two others", "Needs delivery before the holidays",
)  # fmt: skip
#: Borne by `RARE_EACH` people each, all of five letters, none part of another name.
RARE = tuple(
    f"{head}{tail}"
    for head in ("Zyx", "Qov", "Wuk", "Xil", "Yqa", "Vuz", "Jyx", "Kwi")
    for tail in ("ub", "ep", "of", "ix", "ag")
)
RARE_EACH = 200
#: First moment of the samples, in UTC.
BEGIN = datetime(2025, 1, 6, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SampleCompany:
    """A company; `name` is unlike all others."""

    name: str
    sector: str
    city: str
    website: str


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """A person; `company` counts from 0."""

    name: str
    job_title: str
    company: int
    email: str
    phone: str
    city: str


def companies(number: int, seed: int) -> Iterator[SampleCompany]:
    """Make companies."""
    chance = random.Random(f"companies {seed}")  # noqa: S311 - samples
    for index in range(number):
        stem = f"{chance.choice(_FIRST)}{chance.choice(_LAST)}"
        name = f"{stem} {chance.choice(_KINDS)} {index + 1}"
        yield SampleCompany(
            name, chance.choice(_SECTORS), chance.choice(_CITIES),
            f"https://{stem.lower()}-{index + 1}.example",
        )  # fmt: skip


def people(number: int, companies_number: int, seed: int) -> Iterator[SamplePerson]:
    """Make people, the rare surnames spread evenly over them."""
    chance = random.Random(f"people {seed}")  # noqa: S311
    step = max(1, number // (len(RARE) * RARE_EACH))
    for index in range(number):
        turn, rest = divmod(index, step)
        rare = rest == 0 and turn < len(RARE) * RARE_EACH
        last = RARE[turn % len(RARE)] if rare else chance.choice(_FIRST) + chance.choice(_LAST)
        yield SamplePerson(
            f"{chance.choice(_GIVEN)} {last}",
            chance.choice(_JOBS),
            chance.randrange(companies_number) if companies_number else -1,
            f"person{index + 1}@mail{index % 997}.example",
            f"+49 30 {10_000_000 + index * 7}",
            chance.choice(_CITIES),
        )


def calls(people_number: int, each: int, seed: int) -> Iterator[tuple[int, datetime, str]]:
    """Make finished calls of the first people: person from 0, moment in UTC, what was said."""
    chance = random.Random(f"calls {seed}")  # noqa: S311
    for person in range(people_number):
        for turn in range(each):
            moment = BEGIN + timedelta(days=turn * 40 + person % 37, minutes=person % 480)
            yield person, moment, chance.choice(_WORDS)
