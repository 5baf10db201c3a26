"""A server to rehearse a cutover against: the standalone server's surface, on SQLite (optional extra `rehearsal`)."""
