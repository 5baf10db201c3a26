"""Whether somebody takes what is about to move."""
