"""What handlers give to templates: frozen structs, one for each page.

Handlers fill them, templates only print them. Every text in them is already translated and
formatted for the reader (language, currency, zone); a field typed `Html` is a `str` that is
escaped, or a `Markup` that is printed as it stands. URLs are local paths. Each page template
receives its struct as `page`; the frame around it reads `shell` (`Shell`). Besides, each
rendering has the plain values `csp_nonce`, `csrf_token` (forms send it under the same name),
`request_path` and `is_fragment`; texts go through newstyle gettext (`_("…", name=value)`).

Template and block answered to htmx: list.html (list), board.html (board, after a move),
record.html (record, header, fields, timeline, side), field.html (field with `field`, editor with
`editor`), form.html (form, duplicates), options.html (options with `options`), home.html (home,
after done), import.html (import, progress), search.html (results), table.html (table),
history.html (history), calls.html (calls), message.html (message), error.html (alert; toast for
5xx). Whole pages only: merge.html, settings.html, login.html, setup.html.

Tones are "", "ok", "warn", "bad", "info", "mute". Hues are 1 to 8 (avatars, tags),
steps of an order are 1 to 5 (`seq`, 5 is won). Icons are Tabler outline names.
"""

from crmkit.web.views.board import BoardColumn, BoardPage, Card
from crmkit.web.views.calls import CallCard, CallsPage
from crmkit.web.views.deadline import DeadlineLine, DeadlinePage
from crmkit.web.views.entry import (
    ErrorPage,
    LoginPage,
    SearchGroup,
    SearchPage,
    SearchResult,
    SetupChoice,
    SetupPage,
)
from crmkit.web.views.form import Conflict, Duplicate, FormGroup, FormPage
from crmkit.web.views.home import (
    AgendaItem,
    AgendaSection,
    Chart,
    ChartBar,
    FunnelStep,
    HomePage,
    LooseEnd,
    Suggestion,
    Tile,
)
from crmkit.web.views.hours import CalendarCard, HolidayLine, HoursPage, WeekDay
from crmkit.web.views.importing import (
    ImportColumn,
    ImportCount,
    ImportPage,
    ImportRow,
    Progress,
    RunPage,
)
from crmkit.web.views.inbox import InboxPage, NoticeRow, NoticesPage, Told, ToldDay
from crmkit.web.views.list import (
    BulkAction,
    Cell,
    Column,
    ColumnChoice,
    FilterChip,
    FilterField,
    ListPage,
    Row,
    RowGroup,
)
from crmkit.web.views.merging import MergeField, MergePage, MergeRecord
from crmkit.web.views.message import MessagePage
from crmkit.web.views.pieces import (
    Action,
    Align,
    Avatar,
    Empty,
    EntityLink,
    FieldInput,
    Html,
    Link,
    Option,
    Pair,
    Tag,
    View,
)
from crmkit.web.views.record import (
    ComposerKind,
    Fact,
    FieldEditor,
    FieldGroup,
    FieldView,
    Lifecycle,
    LifecycleStep,
    Panel,
    PanelLine,
    PartsCell,
    PartsGrid,
    PartsRow,
    RecordPage,
    TimelineDay,
    TimelineItem,
)
from crmkit.web.views.settings import (
    Change,
    HistoryItem,
    HistoryPage,
    SettingsPage,
    TablePage,
)
from crmkit.web.views.shell import Flash, NavGroup, NavItem, Notice, Shell, UserBadge

__all__ = [
    "Action",
    "AgendaItem",
    "AgendaSection",
    "Align",
    "Avatar",
    "BoardColumn",
    "BoardPage",
    "BulkAction",
    "CalendarCard",
    "CallCard",
    "CallsPage",
    "Card",
    "Cell",
    "Change",
    "Chart",
    "ChartBar",
    "Column",
    "ColumnChoice",
    "ComposerKind",
    "Conflict",
    "DeadlineLine",
    "DeadlinePage",
    "Duplicate",
    "Empty",
    "EntityLink",
    "ErrorPage",
    "Fact",
    "FieldEditor",
    "FieldGroup",
    "FieldInput",
    "FieldView",
    "FilterChip",
    "FilterField",
    "Flash",
    "FormGroup",
    "FormPage",
    "FunnelStep",
    "HistoryItem",
    "HistoryPage",
    "HolidayLine",
    "HomePage",
    "HoursPage",
    "Html",
    "ImportColumn",
    "ImportCount",
    "ImportPage",
    "ImportRow",
    "InboxPage",
    "Lifecycle",
    "LifecycleStep",
    "Link",
    "ListPage",
    "LoginPage",
    "LooseEnd",
    "MergeField",
    "MergePage",
    "MergeRecord",
    "MessagePage",
    "NavGroup",
    "NavItem",
    "Notice",
    "NoticeRow",
    "NoticesPage",
    "Option",
    "Pair",
    "Panel",
    "PanelLine",
    "PartsCell",
    "PartsGrid",
    "PartsRow",
    "Progress",
    "RecordPage",
    "Row",
    "RowGroup",
    "RunPage",
    "SearchGroup",
    "SearchPage",
    "SearchResult",
    "SettingsPage",
    "SetupChoice",
    "SetupPage",
    "Shell",
    "Suggestion",
    "TablePage",
    "Tag",
    "Tile",
    "TimelineDay",
    "TimelineItem",
    "Told",
    "ToldDay",
    "UserBadge",
    "View",
    "WeekDay",
]
