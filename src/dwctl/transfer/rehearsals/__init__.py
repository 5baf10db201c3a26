"""A whole cutover played against a rehearsal server, with workers of its own."""
