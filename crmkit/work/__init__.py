"""What happens besides the request: jobs, deadlines, the business clock, mail."""
