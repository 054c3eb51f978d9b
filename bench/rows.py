"""The rows of the table: what is done, and the bars of the papers."""

from __future__ import annotations

from dataclasses import dataclass

#: How far a page may be from the floor.
FLOOR_TIMES = 2.0
#: How much slower than at the first size a page may be.
GROWTH = 1.3
#: Lists a second that one worker has to give to eight connections.
LISTS_PER_SECOND = 150.0


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        bar: Largest p50 in `unit`; None has none.
        user: Role of who does it; "" is nobody in particular.
        is_page: Whether it may take twice the floor at most.
        beats_peer: Whether it may not be slower than the peer.
        rate: Least actions a second of eight connections; None has no bar.
    """

    key: str
    title: str
    bar: float | None
    user: str = "seller"
    unit: str = "ms"
    is_page: bool = False
    beats_peer: bool = False
    rate: float | None = None

    @property
    def name(self) -> str:
        """Answer the key with the user, which names the row in results."""
        return f"{self.key}/{self.user}" if self.user else self.key


def _pages(user: str) -> tuple[Row, ...]:
    return (
        Row("list", "list, first page", 10, user, is_page=True, beats_peer=True,
            rate=LISTS_PER_SECOND),
        Row("further", "list, further pages", 10, user, is_page=True, beats_peer=True),
        Row("filter", "filter by substring", 12, user, is_page=True, beats_peer=True),
        Row("record", "record with its history", 12, user, is_page=True, beats_peer=True),
        Row("create", "create a person, checked for duplicates", 12, user, is_page=True),
        Row("search", "global search", 12, user, is_page=True),
    )  # fmt: skip


PAGES = (*_pages("seller"), *_pages("administrator"))
ONCE = (
    Row("export", "export of all people", 1, "administrator", "s", beats_peer=True),
    Row("import", "import, checked for duplicates", 3, "administrator", "s", beats_peer=True),
)
PROCESS = (
    Row("start", "start to first page", 1.5, "", "s"),
    Row("start-cold", "start to first page, database too", None, "", "s"),
    Row("memory", "memory after load", 130, "", "MiB"),
    Row("seed", "crmkit seed", 20, "", "s"),
)
#: Requests and KiB of a real browser; the two bars of each.
BROWSER = (
    (Row("cold-requests", "browser, cold: requests", 6, "", ""),
     Row("cold-kib", "browser, cold: size", 80, "", "KiB")),
    (Row("warm-requests", "browser, warm: requests", 1, "", ""),
     Row("warm-kib", "browser, warm: size", 15, "", "KiB")),
)  # fmt: skip
#: What `--only` knows.
KEYS = (*dict.fromkeys(row.key for row in (*PAGES, *ONCE, *PROCESS)), "browser")
ALL = (*PAGES, *ONCE, *PROCESS, *(row for pair in BROWSER for row in pair))
