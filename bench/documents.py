"""How long a document takes: `python -m bench.documents`; milliseconds, the middle of many."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import crmkit.crm
from crmkit.work.documents import typeset

_FOLDER = Path(crmkit.crm.__file__).parent / "documents"
_TIMES = 50


def main() -> None:
    """Print the first letter, one of a page, and one of two hundred lines."""
    now = datetime.now(UTC)
    print(f"first, typst loaded: {_measure(1, 1, now):.1f} ms")
    print(f"one page: {_measure(3, _TIMES, now):.1f} ms")
    print(f"200 lines: {_measure(200, _TIMES, now):.1f} ms")


def _measure(rows: int, times: int, at: datetime) -> float:
    taken = []
    for number in range(times):
        # Another text each time: what is the same is not made again.
        values = {
            "recipient": f"Client {number}\nMain Street 1\nPortland", "greeting": "Dear client,",
            "intro": "thank you for your interest.", "columns": ["Description", "Amount"],
            "rows": [[f"Item {number}.{row}", f"${row}"] for row in range(rows)],
            "total_label": "Total", "total": "$1", "notes": "", "closing": "Yours",
            "signature": "Anna",
        }  # fmt: skip
        data = {
            "title": "Offer", "language": "en", "date": "4 May 2026",
            "site": {"name": "Northgate", "address": "1 Main St"},
            "texts": {"page": "Page {page} of {pages}"}, "values": values,
        }  # fmt: skip
        begin = time.perf_counter()
        typeset(_FOLDER, "offer_letter.typ", data, at)
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
