-- What somebody asked a second person to do: an action, or a move to another state, with the
-- version of the record that was seen.
CREATE TABLE core_approval (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity text NOT NULL,
    record bigint NOT NULL,
    version integer NOT NULL,
    action text NOT NULL DEFAULT '',
    input jsonb NOT NULL DEFAULT '{}',
    note text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'approved', 'refused', 'withdrawn', 'stale')),
    asked_by bigint NOT NULL REFERENCES core_user (id) ON DELETE CASCADE,
    asked_at timestamptz NOT NULL,
    decided_by bigint REFERENCES core_user (id) ON DELETE SET NULL,
    decided_at timestamptz,
    reason text NOT NULL DEFAULT '',
    CHECK (decided_by IS NULL OR decided_by <> asked_by OR state = 'withdrawn')
);
-- Of one thing with one record one question waits.
CREATE UNIQUE INDEX core_approval_waiting_key ON core_approval (entity, record, action)
    WHERE state = 'waiting';
CREATE INDEX core_approval_asked_idx ON core_approval (asked_by, id);
CREATE INDEX core_approval_decided_by_idx ON core_approval (decided_by)
    WHERE decided_by IS NOT NULL;

-- backwards
DROP TABLE core_approval;
