"""The pages: routes, rendering, security. SQL stays in `crmkit.records`."""
