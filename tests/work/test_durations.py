from __future__ import annotations

from datetime import timedelta

import pytest

from crmkit.work.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("4", 240), ("4h", 240), ("4.5", 270), ("4,5 h", 270), ("1h 30m", 90), ("1h30", None),
        ("90m", 90), ("90 min", 90), ("1:30", 90), ("1ч 30м", 90), ("0", 0), ("", None),
        ("h", None), ("-4h", None), ("four", None), ("1:75", None),
    ],
)  # fmt: skip
def test_lengths_of_work_are_read_as_people_type_them(text: str, minutes: int | None) -> None:
    if minutes is None:
        with pytest.raises(ValueError, match="4h, 1h 30m or 90m"):
            parse_duration(text)
    else:
        assert timedelta(minutes=minutes) == parse_duration(text)
