"""The standalone server: how it is reached, asked, and understood (contract/server.md)."""
