"""What happens besides the request: jobs, events, deadlines, the business clock, mail."""
