"""What a declared type refuses, as people read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

_PLACE = " - at"
#: What msgspec says to what people read; the first that fits.
_SAID = (
    (re.compile(r"Expected `str` of length >= 1$"), N_("is needed; fill it in")),
    (
        re.compile(r"Expected `str` of length <= (\S+)"),
        N_("is longer than {n} characters; shorten it"),
    ),
    (re.compile(r"Expected `\w+` >= (\S+)"), N_("must be {n} or more")),
    (re.compile(r"Expected `\w+` <= (\S+)"), N_("must be {n} or less")),
    (re.compile(r"Expected `\w+` > (\S+)"), N_("must be more than {n}")),
    (re.compile(r"Expected `\w+` < (\S+)"), N_("must be less than {n}")),
    (re.compile(r"Expected `int"), N_("is not a whole number; enter digits only")),
    (re.compile(r"Invalid enum value"), N_("is not one of the choices")),
)


def what_is_wrong(translate: Callable[[str], str], error: msgspec.ValidationError) -> str:
    """Answer what is wrong with a value and what to do, without its name."""
    said = str(error).partition(_PLACE)[0]
    for pattern, text in _SAID:
        found = pattern.match(said)
        if found is not None:
            return translate(text).format(n=found[1] if found.groups() else "")
    return translate(N_("does not fit; enter another value"))
