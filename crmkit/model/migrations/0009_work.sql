-- Work besides requests: each job is a row, and stays one until it was done long ago. `plugin` is
-- whose work it is, which is parked while that plugin is off; `name` says what is done.
CREATE TABLE core_job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plugin text NOT NULL,
    name text NOT NULL,
    args jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'ready'
        CHECK (state IN ('later', 'ready', 'running', 'done', 'dead', 'parked')),
    run_at timestamptz NOT NULL DEFAULT now(),
    priority integer NOT NULL DEFAULT 0,
    lane text,
    key text,
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL,
    error text NOT NULL DEFAULT '',
    worker text,
    lease_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by bigint REFERENCES core_user (id) ON DELETE SET NULL,
    started_at timestamptz,
    ended_at timestamptz,
    done integer NOT NULL DEFAULT 0,
    total integer NOT NULL DEFAULT 0
) WITH (
    -- A row changes its state three times within milliseconds; its old versions must not pile up.
    fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000
);
-- What a worker takes next; timers are not in it, however many wait.
CREATE INDEX core_job_ready_idx ON core_job (priority DESC, id) WHERE state = 'ready';
CREATE INDEX core_job_later_idx ON core_job (run_at) WHERE state = 'later';
CREATE INDEX core_job_running_idx ON core_job (lease_until) WHERE state = 'running';
CREATE INDEX core_job_rest_idx ON core_job (state, id) WHERE state IN ('dead', 'parked');
CREATE INDEX core_job_done_idx ON core_job (ended_at) WHERE state = 'done';
CREATE INDEX core_job_created_by_idx ON core_job (created_by) WHERE created_by IS NOT NULL;
-- Whether an earlier job of the lane is unfinished; and that never two of a lane run at once.
CREATE INDEX core_job_lane_idx ON core_job (plugin, lane, id)
    WHERE lane IS NOT NULL AND state IN ('later', 'ready');
CREATE UNIQUE INDEX core_job_lane_running_key ON core_job (plugin, lane)
    WHERE lane IS NOT NULL AND state = 'running';
-- Of one key one job waits.
CREATE UNIQUE INDEX core_job_key_key ON core_job (plugin, name, key)
    WHERE key IS NOT NULL AND state IN ('later', 'ready', 'parked');

-- The last moment each periodic job was queued for: of all workers one moves it on.
CREATE TABLE core_schedule (
    name text PRIMARY KEY,
    last timestamptz NOT NULL
);

-- Who works, and when it was heard from.
CREATE TABLE core_worker (
    name text PRIMARY KEY,
    slots integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);

-- backwards
DROP TABLE core_worker;
DROP TABLE core_schedule;
DROP TABLE core_job;
