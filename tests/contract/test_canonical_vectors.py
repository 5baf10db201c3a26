"""All recorded documents have their recorded canonical text, or are refused as PHP refused them."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from dwctl.bundle.canonical import canonical_json
from dwctl.errors import UndecodableDocument


def test_every_vector_has_its_canonical_text_or_its_refusal(shared: Path) -> None:
    written = refused = 0
    for line in (shared / "canonical" / "vectors.jsonl").read_text("utf-8").splitlines():
        vector = json.loads(line)
        document = vector["json"].encode() if "json" in vector else base64.b64decode(vector["json_base64"])
        if "error" in vector:
            with pytest.raises(UndecodableDocument):
                canonical_json(document)
            refused += 1
        else:
            text = canonical_json(document)
            assert text == vector["canonical"].encode(), vector["json"][:80]
            assert hashlib.sha256(text).hexdigest() == vector["sha256"]
            written += 1
    assert written + refused == 3464
    assert refused == 245
