"""dwctl moves a team from embedded Durable Workflow v2 to the standalone server."""

__version__ = "0.1.0"
