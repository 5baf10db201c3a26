"""One cutover as `cutover.toml` describes it, and the first draft of that file."""
