"""What we move: the history-export bundle. Pure; no network, no clock, no printing, no environment."""
