"""Attestations and waivers: what people have decided, as reviewable text beside `cutover.toml`."""
