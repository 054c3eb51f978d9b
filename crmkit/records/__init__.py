"""What can be done with records: read, write, undo, search. Every write goes through here."""
