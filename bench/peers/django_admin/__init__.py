"""What a good developer builds in an afternoon: Django's admin for companies, people, notes."""
