"""The columns every record has."""

from __future__ import annotations

from piccolo.columns import BigSerial, Integer, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table

from crmkit.model.columns import Custom, Moment, Reference


class Record(Table):
    """Base of all record tables; never a table itself.

    `version` grows with each save, `custom` holds custom and extension fields, a record with
    `trashed_at` lies in the trash.
    """

    id = BigSerial(primary_key=True)
    created_at = Timestamptz(default=TimestamptzNow())
    created_by = Reference("core_user")
    updated_at = Timestamptz(default=TimestamptzNow())
    updated_by = Reference("core_user")
    owner = Reference("core_user")
    team = Reference("core_team")
    version = Integer(default=1)
    custom = Custom()
    trashed_at = Moment()


#: Columns that `records` writes itself; nobody may send them.
SYSTEM_COLUMNS = frozenset(
    {
        "id",
        "created_at",
        "created_by",
        "updated_at",
        "updated_by",
        "version",
        "custom",
        "trashed_at",
    }
)
