"""A document that is made of a record: a letter, an offer, an invoice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from crmkit.model.context import Context
    from crmkit.model.role import Verb

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")
_FILE = re.compile(r"^[a-z0-9][a-z0-9_/-]*\.typ$")


@dataclass(frozen=True)
class DocumentTemplate:
    """Declares a document of an entity's records, typeset by typst to a PDF in a job.

    It is a button on the record, an operation with many of them, a command and a POST of the API.

    Attributes:
        name: Without the plugin's id, such as "offer_letter".
        entity: Of the records, such as "crm.opportunity".
        label: English name of the document.
        values: `async (ctx, record_id)` answers what the template prints, as JSON can say it. It
            runs with the rights of who asked, and `ctx` speaks the language of the client. Texts
            are printed as they are, whatever they hold.
        template: File below `documents/` of the plugin.
        language: `async (ctx, record_id)` answers the client's language, such as "ru"; None, or
            one the site does not speak, is the site's.
        permission: Verb on the record that is needed.
        icon: Tabler outline name.

    Raises:
        ValueError: The name or the file cannot be.
    """

    name: str
    entity: str
    label: str
    values: Callable[[Context, int], Awaitable[Mapping[str, Any]]]
    template: str = "letter.typ"
    language: Callable[[Context, int], Awaitable[str]] | None = None
    permission: Verb = "read"
    icon: str = "file-text"

    def __post_init__(self) -> None:
        """Refuse what could not be found later."""
        if not _NAME.match(self.name):
            raise ValueError(
                f"The document `{self.name}` needs a name of lower-case letters, digits and _, "
                "without the plugin's id."
            )
        if not _FILE.match(self.template):
            raise ValueError(
                f"The document `{self.name}`: `{self.template}` is no file below `documents/`, "
                'such as "letter.typ".'
            )
