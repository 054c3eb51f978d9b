-- What a deadline was counted from, so that it can be counted anew when working hours change: the
-- business time and where it began; empty when a moment was given.
ALTER TABLE core_deadline
    ADD COLUMN begun_at timestamptz,
    ADD COLUMN length interval,
    -- Absences of the responsible are no working time for it.
    ADD COLUMN counts_absences boolean NOT NULL DEFAULT false,
    ADD CHECK ((begun_at IS NULL) = (length IS NULL));
CREATE INDEX core_deadline_recount_idx ON core_deadline (entity, id)
    WHERE state IN ('open', 'missed') AND next_at IS NOT NULL;

-- Which change of working hours moved it: `holiday`, `calendar`, `absence`, `team`, with a name.
ALTER TABLE core_deadline_step ADD COLUMN why text NOT NULL DEFAULT '';

-- backwards
ALTER TABLE core_deadline_step DROP COLUMN why;
DROP INDEX core_deadline_recount_idx;
ALTER TABLE core_deadline
    DROP COLUMN begun_at,
    DROP COLUMN length,
    DROP COLUMN counts_absences;
