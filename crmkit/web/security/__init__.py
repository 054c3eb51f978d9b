"""What stands before every handler: hosts, sessions, foreign forms, headers."""
