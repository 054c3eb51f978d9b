"""What people can be told of, as a plugin declares it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Ways people are told, with the English label of each.
CHANNELS = {
    "app": N_("In the app"),
    "mail": N_("By mail, at once"),
    "digest": N_("In the digest"),
}


@dataclass(frozen=True)
class NotificationKind:
    """Something people are told of; each person chooses whether and how.

    Attributes:
        name: `<plugin>.<name>`.
        label: English, such as "Reminders of activities".
        channels: How a person is told who has chosen nothing: "app", "mail" at once or in the
            "digest" of the day (once: at once goes before), or not at all.

    Raises:
        ValueError: There is no such channel.
    """

    name: str
    label: str
    channels: tuple[str, ...] = ("app",)

    def __post_init__(self) -> None:
        """Refuse a channel that is none."""
        unknown = [each for each in self.channels if each not in CHANNELS]
        if unknown:
            raise ValueError(
                f"`{self.name}`: `{unknown[0]}` is no channel; take one of {', '.join(CHANNELS)}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What somebody is told.

    Attributes:
        text: English, with places such as {title}; translated when it is read.
        values: What stands in the places; not translated, but what `keep_words` or
            `keep_sentences` made is said in the reader's language.
        url: Local address; "" is that of the record.
        key: Of one key a person is told once; "" is no key.
    """

    kind: str
    text: str
    values: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    entity: str = ""
    record_id: int | None = None
    key: str = ""
