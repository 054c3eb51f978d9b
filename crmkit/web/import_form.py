"""The form of the matching step: names of its inputs, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.errors import InvalidError
from crmkit.records.csv_file import ENCODINGS
from crmkit.records.import_fields import Matching
from crmkit.web.translate import _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile

#: What a column can become besides a field.
EXTERNAL, NEW = "@external", "@new"
#: Rows of "the same for all rows" that are always offered.
CONSTANTS = 2
_FIELDS_ONLY = "fields"
_READABLE = ("", "utf-8", "utf-8-sig", "utf-16", *ENCODINGS)


def read_form(plan: EntityPlan, file: CsvFile, form: Mapping[str, Any]) -> Matching:
    """Read what a person chose.

    Raises:
        InvalidError: It holds a value that the page does not offer.
    """
    chosen = {
        column: str(form.get(f"map.{index}", "")) for index, column in enumerate(file.columns)
    }
    numbers = [column for column, what in chosen.items() if what == EXTERNAL]
    if len(numbers) > 1:
        raise InvalidError(
            _("Only one column can be the external number. Leave the others out."),
            dict.fromkeys(numbers[1:], _("is a second one")),
        )
    mode = str(form.get("mode", "both"))
    title = str(form.get("title", "")).strip()
    asked = {name: str(value) for name, value in form.items()}
    raw = {
        "map": {column: what for column, what in chosen.items() if what and what[0] != "@"},
        "external": numbers[0] if numbers else "",
        "source": asked.get("source", "").strip()[:60] or "file",
        "key": "" if numbers else asked.get("key", ""),
        "mode": "both" if mode == _FIELDS_ONLY else mode,
        "dates": asked.get("dates", ""),
        "constants": _constants(asked),
        "templates": {plan.title: title} if title and plan.title not in chosen.values() else {},
        "unknown": _prefixed(asked, "unknown."),
        "exact": [name for name, what in _prefixed(asked, "close.").items() if what != "close"],
        "filled": [name for name, what in _prefixed(asked, "filled.").items() if what == "1"],
    }
    encoding = asked.get("encoding", "")
    try:
        if encoding not in _READABLE:
            raise InvalidError(_("This encoding is not known. Choose one of the list."))
        return msgspec.convert(
            {
                "plan": raw,
                "new": [column for column, what in chosen.items() if what == NEW],
                "keep": [n for n, what in _prefixed(asked, "close.").items() if what == "add"],
                "fields_only": mode == _FIELDS_ONLY,
                "encoding": encoding,
            },
            Matching,
        )
    except msgspec.ValidationError as error:
        raise InvalidError(
            _("The form holds something that does not fit. Choose again and check.")
        ) from error


def offered(plan: EntityPlan, matching: Matching) -> Matching:
    """Answer what of a refused matching the page can show again: fields that are there."""

    def known(names: Mapping[str, str]) -> dict[str, str]:
        return {key: name for key, name in names.items() if name in plan.fields}

    wanted = matching.plan
    constants = {name: text for name, text in wanted.constants.items() if name in plan.fields}
    return msgspec.structs.replace(
        matching,
        plan=msgspec.structs.replace(wanted, map=known(wanted.map), constants=constants),
    )


def _prefixed(asked: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): v for name, v in asked.items() if name.startswith(prefix)}


def _constants(asked: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name, field in asked.items():
        number = name.removeprefix("const.").removesuffix(".field")
        value = asked.get(f"const.{number}.value", "").strip()
        if name == f"const.{number}.field" and field and value:
            found[field] = value
    return found
