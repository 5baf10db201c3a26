"""`cutover.toml`: its keys as one table, how it is read, what is wrong in it, its schema and its page."""
