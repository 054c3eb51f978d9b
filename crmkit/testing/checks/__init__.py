"""What `crmkit plugin check` looks at, one module for each subject."""
