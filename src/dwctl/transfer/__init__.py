"""The use cases: what a command does, callable by a program without a terminal."""
