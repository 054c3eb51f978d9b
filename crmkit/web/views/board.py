"""The board of an entity with stages."""

from crmkit.web.views.list import ListPage
from crmkit.web.views.pieces import Avatar, EntityLink, Option, View


class Card(View, frozen=True, kw_only=True):
    """A card; dragging POSTs `to`, `version`, `before` to `move_url`; `moves` are the menu."""

    id: str
    url: str
    version: str
    title: str
    subtitle: str = ""
    value: str | None = None
    avatar: Avatar | None = None
    next_step: str | None = None
    next_icon: str | None = None
    next_tone: str = ""
    owner: Avatar | None = None
    owner_name: str = ""
    still: str | None = None
    move_url: str = ""
    moves: tuple[Option, ...] = ()  # value is the stage


class BoardColumn(View, frozen=True, kw_only=True):
    """A stage with its cards and sums."""

    stage: str
    label: str
    count: str
    sum: str = ""
    probability: str | None = None
    weighted: str | None = None
    note: str | None = None  # "in November"
    seq: int = 1
    cards: tuple[Card, ...] = ()
    more_url: str | None = None
    more_label: str | None = None
    accepts: bool = True


class BoardPage(View, frozen=True, kw_only=True):
    """The board of an entity; filters as in the list. A move answers the block `board`."""

    entity: EntityLink
    columns: tuple[BoardColumn, ...]
    list_page: ListPage  # views, chips and filters of the toolbar; rows stay empty
    announce: str | None = None
