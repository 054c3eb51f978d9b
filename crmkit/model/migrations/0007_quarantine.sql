-- Parts of plugins that failed too often; no process calls them until somebody resumes the plugin.
CREATE TABLE core_quarantine (
    plugin text NOT NULL,
    -- A hook, or what the plugin declared: "timeline", "panel balance".
    part text NOT NULL,
    error text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (plugin, part)
);

-- backwards
DROP TABLE core_quarantine;
