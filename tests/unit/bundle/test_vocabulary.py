"""The words that the library knows, against what it wrote."""

from __future__ import annotations

import json
from pathlib import Path

from dwctl.bundle import vocabulary
from dwctl.bundle.avro_schema import crc64_avro
from sample_bundles import EXAMPLES, RECORDED


def test_the_fingerprint_is_that_of_the_value_schema() -> None:
    assert crc64_avro(vocabulary.VALUE_SCHEMA_TEXT) == vocabulary.VALUE_FINGERPRINT


def test_a_status_is_terminal_or_open_and_never_both() -> None:
    assert {"completed", "failed", "cancelled", "terminated"} == vocabulary.TERMINAL_STATUSES
    assert {"pending", "running", "waiting"} == vocabulary.OPEN_STATUSES
    assert not vocabulary.TERMINAL_STATUSES & vocabulary.OPEN_STATUSES


def test_every_word_that_the_export_command_wrote_is_known() -> None:
    files = [*EXAMPLES.glob("*.json"), *RECORDED.glob("*.json")]
    assert len(files) > 10
    assert [(path.name, word) for path in files for word in unknown_words(path)] == []


def test_every_word_of_the_recorded_corpus_is_known(shared: Path) -> None:
    files = list((shared / "corpus" / "bundles").glob("*.json"))
    assert len(files) > 10
    assert [(path.name, word) for path in files for word in unknown_words(path)] == []


def unknown_words(path: Path) -> list[str]:
    """The words of a bundle that the tables do not have."""
    bundle = json.loads(path.read_bytes())
    columns = (
        ("history_events", "type", vocabulary.EVENT_TYPES),
        ("commands", "type", vocabulary.COMMAND_TYPES),
        ("commands", "status", vocabulary.COMMAND_STATUSES),
        ("tasks", "type", vocabulary.TASK_TYPES),
        ("tasks", "status", vocabulary.TASK_STATUSES),
        ("timers", "status", vocabulary.TIMER_STATUSES),
    )
    return [row[field] for section, field, known in columns for row in bundle[section] if row[field] not in known]
