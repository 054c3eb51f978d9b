-- Plugins as the administrators of this site chose them; what exists is read from the code.
CREATE TABLE core_plugin (
    id text PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9]{1,30}$'),
    name text NOT NULL DEFAULT '',
    state text NOT NULL CHECK (state IN ('enabled', 'disabled', 'archived', 'purged')),
    -- Of the code that wrote its data last; older code is not let at them.
    version text NOT NULL DEFAULT '',
    -- Entities whose rows it protects, so that they stay hidden even when its code is gone.
    guards jsonb NOT NULL DEFAULT '[]',
    settings jsonb NOT NULL DEFAULT '{}',
    -- Why it does not serve although it is enabled, as the last start said.
    reason text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by bigint REFERENCES core_user (id) ON DELETE SET NULL
);

-- Grows when plugins, settings or fields change; every process looks at it and builds anew.
CREATE TABLE core_generation (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    number bigint NOT NULL
);
INSERT INTO core_generation (number) VALUES (1);

-- backwards
DROP TABLE core_generation, core_plugin;
