"""Why a record has a deadline, and what became of it."""

from crmkit.web.views.pieces import Action, Tag, View
from crmkit.web.views.record import Fact


class DeadlineLine(View, frozen=True, kw_only=True):
    """A step to come, or something that happened."""

    at: str
    what: str
    whom: str = ""
    note: str = ""


class DeadlinePage(View, frozen=True, kw_only=True):
    """One deadline; `share` is how much of its time has passed, in percent, None when it is over.

    `steps` are to come, `history` happened, the last first.
    """

    title: str
    intro: str
    state: Tag
    facts: tuple[Fact, ...]
    share: float | None = None
    share_text: str = ""
    steps: tuple[DeadlineLine, ...] = ()
    history: tuple[DeadlineLine, ...] = ()
    actions: tuple[Action, ...] = ()
