"""The plan of a transfer: what would happen to each bundle, and why, before anything does."""
