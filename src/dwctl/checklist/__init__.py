"""The gate before a cutover: what must be true, asked of the server, the bundles and the people."""
