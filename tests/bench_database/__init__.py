"""Measurements on MariaDB and PostgreSQL with a million runs: `make bench-database`."""
