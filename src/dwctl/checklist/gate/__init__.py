"""The gate: its table of checks, the runner, and what a run gives."""
