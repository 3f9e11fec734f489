"""The operational store: it knows people, under encryption. SQLite or PostgreSQL, one set of statements."""
