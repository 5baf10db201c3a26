"""What the checks may ask, each source once: bundles, archives, the ledger, the embedded side, the server."""
