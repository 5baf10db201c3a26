"""Exporting runs, from the embedded application or from the server, and archiving the closed ones."""
