"""The ledger of a transfer: which run is where, durable before the next step (docs/ledger.md)."""
