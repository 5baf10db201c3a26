"""Questions to both runtimes: what is there, what may move, what has moved, and who owns a run."""
