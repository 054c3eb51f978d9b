"""What plugins use that will go: noted with file and line, shown on the page of plugins.

The rule for names of crmkit's API, and the means for plugins that others call.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST = 1000
_seen: dict[tuple[str, int, str], Deprecation] = {}


class Deprecation(msgspec.Struct, frozen=True):
    """A use of what will go.

    Attributes:
        what: What is used and what to use instead, an English sentence.
        since: Version that began to warn.
        gone_in: Version that will no longer have it.
    """

    file: str
    line: int
    what: str
    since: str
    gone_in: str

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: {self.what} "
            f"(deprecated since {self.since}, gone in {self.gone_in})"
        )


def deprecated(what: str, since: str, gone_in: str) -> None:
    """Say, inside of what will go, that its caller should use something else.

    The first call from each line is noted, and shown to administrators with the plugin it is
    of; as a `DeprecationWarning` it also shows in an author's tests.

    Args:
        what: An English sentence: "`ctx.total` is called `ctx.sum`."
        since: Version of the API, or of the plugin, that began to say so.
        gone_in: Version that will no longer have it; for crmkit a major one.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - the one way to the caller
    own = frame.f_code.co_filename
    caller = frame.f_back
    while caller is not None and caller.f_code.co_filename == own and caller.f_back is not None:
        caller = caller.f_back
    file, line = (caller.f_code.co_filename, caller.f_lineno) if caller else (own, 0)
    key = (file, line, what)
    if key not in _seen and len(_seen) < _MOST:
        _seen[key] = Deprecation(file, line, what, since, gone_in)
        warnings.warn(f"{what} It goes in {gone_in}.", DeprecationWarning, stacklevel=3)


def deprecations_in(folder: Path) -> Iterator[Deprecation]:
    """Answer what code below a folder used, in the order it was first met in this process."""
    prefix = f"{folder}/"
    for each in tuple(_seen.values()):
        if each.file.startswith(prefix):
            yield each
