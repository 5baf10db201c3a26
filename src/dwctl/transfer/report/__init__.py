"""The report of a transfer: what moved, what did not and why, and what to do next."""
