"""The CRC-64-AVRO fingerprint of a writer schema other than the Value schema that every bundle carries."""

from __future__ import annotations

import json

_LONGEST = 64 * 1024


def crc64_avro(schema: str) -> str | None:
    """The fingerprint as it stands in a frame (little-endian hex), or None for a text that is no Avro schema.

    Texts beyond 64 KiB are not looked at: no schema of the runtime comes near.
    """
    if len(schema) > _LONGEST:
        return None
    from fastavro.schema import SchemaParseException, fingerprint, to_parsing_canonical_form

    try:
        canonical = to_parsing_canonical_form(json.loads(schema))
        return str(fingerprint(canonical, "CRC-64-AVRO"))
    except (SchemaParseException, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
