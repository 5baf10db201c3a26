"""Values to payload blobs: base64 of an Avro single-object frame of the Value schema that every bundle carries."""

from __future__ import annotations

import base64
import io
import json
from functools import cache
from typing import Any

from dwctl.bundle.vocabulary import VALUE_SCHEMA_TEXT

_HEADER = bytes.fromhex("c301e2a33dff55802237")


def encode_value(value: Any) -> str:
    """The blob of a JSON value; keys of objects become texts.

    Raises `ValueError` for an integer beyond 64 bits.
    """
    from fastavro import schemaless_writer

    stream = io.BytesIO(_HEADER)
    stream.seek(len(_HEADER))
    schemaless_writer(stream, _schema(), _record(value))
    return base64.b64encode(stream.getvalue()).decode("ascii")


@cache
def _schema() -> Any:
    from fastavro import parse_schema

    return parse_schema(json.loads(VALUE_SCHEMA_TEXT))


def _record(value: Any) -> dict[str, Any]:
    return {"value": _branch(value)}


def _branch(value: Any) -> Any:
    """The branch of the union by its name, so that fastavro need not guess it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return _named("BooleanValue", boolean=value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ValueError("an integer beyond 64 bits has no place in a payload")
        return _named("LongValue", long=value)
    if isinstance(value, float):
        return _named("DoubleValue", double=value)
    if isinstance(value, bytes):
        return _named("BytesValue", bytes=value)
    if isinstance(value, list | tuple):
        return _named("ArrayValue", items=[_record(item) for item in value])
    if isinstance(value, dict):
        return _named("MapValue", entries={str(key): _record(item) for key, item in value.items()})
    return _named("StringValue", string=str(value))


def _named(name: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    return f"durable_workflow.protocol.{name}", fields
