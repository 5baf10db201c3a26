"""Item 11: what was imported is there, is the same, and runs once."""
