-- Where a record went that was merged into another: its address leads there, its history is shown
-- there. `operation` undoes it; no key, since an archive brings these rows to other sites as well.
CREATE TABLE core_merged (
    entity text NOT NULL,
    gone bigint NOT NULL,
    kept bigint NOT NULL,
    operation bigint NOT NULL,
    PRIMARY KEY (entity, gone)
);
CREATE INDEX core_merged_kept_idx ON core_merged (entity, kept);

ALTER TABLE core_journal DROP CONSTRAINT core_journal_action_check;
ALTER TABLE core_journal ADD CONSTRAINT core_journal_action_check
    CHECK (action IN ('create', 'update', 'trash', 'restore', 'merge'));

-- backwards
DELETE FROM core_journal WHERE action = 'merge';
ALTER TABLE core_journal DROP CONSTRAINT core_journal_action_check;
ALTER TABLE core_journal ADD CONSTRAINT core_journal_action_check
    CHECK (action IN ('create', 'update', 'trash', 'restore'));
DROP TABLE core_merged;
