"""Items 4, 5 and 8: the server, its namespace, and what operators may do there."""
