-- By when something must have happened to a record, and what is done before and after it. The next
-- step alone has a timer: a job of the key that is the deadline's number. Moments of all steps are
-- kept with it, `place` counts those that are past.
CREATE TABLE core_deadline (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity text NOT NULL,
    record bigint NOT NULL,
    kind text NOT NULL,
    -- Of whose declaration it is: while that plugin is off, its timers are parked.
    plugin text NOT NULL,
    state text NOT NULL DEFAULT 'open'
        CHECK (state IN ('open', 'paused', 'met', 'missed', 'cleared')),
    due_at timestamptz NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now(),
    set_by bigint REFERENCES core_user (id) ON DELETE SET NULL,
    responsible bigint REFERENCES core_user (id) ON DELETE SET NULL,
    -- Whose calendar counts; empty is the default one.
    team bigint REFERENCES core_team (id) ON DELETE SET NULL,
    is_business boolean NOT NULL DEFAULT true,
    steps jsonb NOT NULL,
    moments timestamptz[] NOT NULL,
    place integer NOT NULL DEFAULT 0,
    next_at timestamptz,
    -- Counts plans: what a moved deadline says is not what was said before.
    revision integer NOT NULL DEFAULT 1,
    -- Of a paused one: time of the calendar that is left.
    remaining interval,
    -- Since when it is in its state.
    since timestamptz NOT NULL DEFAULT now(),
    -- Why it was cleared, and what it was before: what the record's trash took comes back with it.
    ended_by text NOT NULL DEFAULT '' CHECK (ended_by IN ('', 'hand', 'trash', 'final', 'merge')),
    was text NOT NULL DEFAULT '',
    CHECK (state <> 'open' OR next_at IS NOT NULL),
    CHECK (state <> 'paused' OR remaining IS NOT NULL)
);
CREATE UNIQUE INDEX core_deadline_running_key ON core_deadline (entity, record, kind)
    WHERE state IN ('open', 'paused', 'missed');
CREATE INDEX core_deadline_record_idx ON core_deadline (entity, record);
CREATE INDEX core_deadline_next_at_idx ON core_deadline (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX core_deadline_missed_idx ON core_deadline (due_at) WHERE state = 'missed';
CREATE INDEX core_deadline_responsible_idx ON core_deadline (responsible);
CREATE INDEX core_deadline_team_idx ON core_deadline (team);
CREATE INDEX core_deadline_set_by_idx ON core_deadline (set_by);

-- What happened to a deadline: steps that were made, and what people and records did to it.
CREATE TABLE core_deadline_step (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deadline bigint NOT NULL REFERENCES core_deadline (id) ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revision integer NOT NULL,
    -- Of the plan, "" where somebody changed the deadline.
    step text NOT NULL DEFAULT '',
    what text NOT NULL,
    -- Whom it was for.
    people bigint[] NOT NULL DEFAULT '{}',
    -- To whom the record was given.
    owner bigint REFERENCES core_user (id) ON DELETE SET NULL,
    note text NOT NULL DEFAULT '',
    by_user bigint REFERENCES core_user (id) ON DELETE SET NULL
);
CREATE INDEX core_deadline_step_deadline_idx ON core_deadline_step (deadline, id);
CREATE INDEX core_deadline_step_owner_idx ON core_deadline_step (owner);
CREATE INDEX core_deadline_step_by_user_idx ON core_deadline_step (by_user);
-- Each step of a plan is made once, whatever happens.
CREATE UNIQUE INDEX core_deadline_step_once_key ON core_deadline_step (deadline, revision, step)
    WHERE step <> '';

-- Who stands in for somebody who is away.
ALTER TABLE core_absence
    ADD COLUMN deputy bigint REFERENCES core_user (id) ON DELETE SET NULL;
CREATE INDEX core_absence_deputy_idx ON core_absence (deputy);

-- backwards
DROP INDEX core_absence_deputy_idx;
ALTER TABLE core_absence DROP COLUMN deputy;
DROP TABLE core_deadline_step, core_deadline;
