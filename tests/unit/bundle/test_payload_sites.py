"""Where payloads stand in bundles of any shape, and which codec governs each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.bundle.payload_sites import (
    ExternalReference,
    PayloadSite,
    Role,
    external_reference,
    external_references,
    payload_sites,
    sites_under,
)

EXTERNAL = {
    "codec": "avro",
    "external_storage": {"uri": "s3://bucket/a/b", "sha256": "ab" * 32, "size_bytes": 12, "codec": "avro"},
}


def event(payload: Any, kind: Any = "ActivityCompleted") -> dict[str, Any]:
    """A bundle of one history event."""
    return {"payloads": {"codec": "avro"}, "history_events": [{"type": kind, "payload": payload}]}


BUNDLES: dict[str, tuple[dict[str, Any], list[tuple[str, Role, str | None]]]] = {
    "the run": (
        {
            "payloads": {
                "codec": "avro",
                "arguments": {"available": True, "data": "A"},
                "output": {"available": True, "codec": "json", "data": "B"},
            }
        },
        [
            ("payloads.arguments.data", Role.ARGUMENTS, "avro"),
            ("payloads.output.data", Role.RESULT, "json"),
        ],
    ),
    "an output without a codec of its own": (
        {"payloads": {"codec": "workflow-serializer-y", "output": {"codec": None, "data": "B"}}},
        [("payloads.output.data", Role.RESULT, "workflow-serializer-y")],
    ),
    "no codec anywhere": (
        {"payloads": {"codec": "", "arguments": {"data": "A"}}},
        [("payloads.arguments.data", Role.ARGUMENTS, None)],
    ),
    "rows": (
        {
            "payloads": {"codec": "avro"},
            "commands": [{"payload": "A", "payload_codec": "json"}],
            "signals": [{"arguments": "A"}],
            "updates": [{"arguments": None, "result": None}, {"arguments": "A", "result": "B"}],
            "activities": [{"arguments": "A", "result": None}],
        },
        [
            ("commands.0.payload", Role.COMMAND, "json"),
            ("signals.0.arguments", Role.SIGNAL, "avro"),
            ("updates.1.arguments", Role.UPDATE, "avro"),
            ("updates.1.result", Role.UPDATE, "avro"),
            ("activities.0.arguments", Role.ARGUMENTS, "avro"),
        ],
    ),
    "rows under keys": (
        {"signals": {"first": {"arguments": "A"}, "7": {"arguments": "B"}}},
        [("signals.first.arguments", Role.SIGNAL, None), ("signals.7.arguments", Role.SIGNAL, None)],
    ),
    "an event": (
        event({"result": "A", "output": "B", "arguments": "C", "value": "D", "payload_codec": "json"}),
        [
            (f"history_events.0.payload.{name}", Role.EVENT, "json")
            for name in ("arguments", "result", "output", "value")
        ],
    ),
    "snapshots in an event": (
        event(
            {
                "payload_codec": "json",
                "command": {"payload": "A", "payload_codec": "avro"},
                "activity": {"arguments": "A", "result": "B", "exception": "C"},
            }
        ),
        [
            ("history_events.0.payload.command.payload", Role.EVENT, "avro"),
            ("history_events.0.payload.activity.arguments", Role.EVENT, "avro"),
            ("history_events.0.payload.activity.result", Role.EVENT, "avro"),
            ("history_events.0.payload.activity.exception", Role.FAILURE, "avro"),
        ],
    ),
    "the details of a failure": (
        event({"exception": {"class": "X", "details": "A", "details_payload_codec": "json"}}),
        [("history_events.0.payload.exception.details", Role.FAILURE, "json")],
    ),
    "the details of a failure in an envelope": (
        event({"exception": {"details": {"codec": "json", "blob": "{}"}}}),
        [("history_events.0.payload.exception.details", Role.FAILURE, "json")],
    ),
    "the plain details of a failure": (event({"exception": {"details": {"order": 1}}}), []),
    "a memo with a key named value": (event({"value": "A", "result": "B"}, "MemoUpserted"), []),
    "an event whose type is a list": (
        event({"result": "A"}, ["MemoUpserted"]),
        [("history_events.0.payload.result", Role.EVENT, "avro")],
    ),
    "an envelope": (
        {"signals": [{"arguments": {"codec": "json", "blob": "1"}, "payload_codec": "avro"}]},
        [("signals.0.arguments", Role.SIGNAL, "json")],
    ),
    "an envelope whose reference alone names a codec": (
        {"signals": [{"arguments": {"external_storage": {"codec": "json"}}, "payload_codec": "avro"}]},
        [("signals.0.arguments", Role.SIGNAL, "json")],
    ),
    "a value of the wrong type": (
        {"commands": [{"payload": [1], "payload_codec": 5}]},
        [("commands.0.payload", Role.COMMAND, None)],
    ),
    "garbage": (
        {"payloads": "x", "commands": 7, "signals": [None, "x", []], "history_events": [{"payload": []}, 3]},
        [],
    ),
}


@pytest.mark.parametrize(("bundle", "expected"), BUNDLES.values(), ids=BUNDLES)
def test_each_payload_is_found_with_its_role_and_codec(
    bundle: dict[str, Any], expected: list[tuple[str, Role, str | None]]
) -> None:
    assert [(site.path, site.role, site.codec) for site in payload_sites(bundle)] == expected


KEYS = [
    *("payloads", "commands", "signals", "updates", "activities", "history_events", "redaction"),
    *("codec", "payload_codec", "details_payload_codec", "type", "paths", "path"),
    *(
        "arguments",
        "output",
        "data",
        "payload",
        "result",
        "value",
        "command",
        "activity",
        "exception",
        "details",
    ),
    *("blob", "external_storage", "uri"),
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=40,
)


@given(json_values)
def test_a_document_of_any_shape_is_searched_without_a_word(document: Any) -> None:
    for site in payload_sites(document):
        assert site.value is not None
        assert site.codec is None or site.codec
    for path, scheme, uri in external_references(document):
        assert path
        assert uri.lower().startswith(f"{scheme}:")


REDACTED = {
    "listed": (["commands.0.payload"], True),
    "below what is listed": (["commands.0"], True),
    "listed as an array, as the importer reads it": ([{"path": "commands.0.payload"}], True),
    "listed under a key": ({"a": "commands.0.payload"}, True),
    "another is listed": (["commands.0.payloads", "commands.1", "", None, 3], False),
    "nothing is listed": (None, False),
}


@pytest.mark.parametrize(("paths", "redacted"), REDACTED.values(), ids=REDACTED)
def test_a_place_is_redacted_where_the_bundle_says_so(paths: Any, redacted: bool) -> None:
    bundle = {"commands": [{"payload": "***"}], "redaction": {"applied": True, "paths": paths}}
    assert [site.redacted for site in payload_sites(bundle)] == [redacted]


def test_places_are_chosen_by_path_and_by_the_start_of_a_path() -> None:
    bundle = {"signals": [{"arguments": "A"}, {"arguments": "B"}], "commands": [{"payload": "C"}]}

    def chosen(path: str | None) -> list[str]:
        return [site.path for site in sites_under(bundle, path)]

    assert chosen(None) == ["commands.0.payload", "signals.0.arguments", "signals.1.arguments"]
    assert chosen("signals") == ["signals.0.arguments", "signals.1.arguments"]
    assert chosen("signals.1") == ["signals.1.arguments"]
    assert chosen("signals.1.arguments") == ["signals.1.arguments"]
    assert chosen("signal") == chosen("") == chosen("signals.1.arguments.0") == []


def test_external_references_are_named_wherever_they_stand() -> None:
    bundle = {
        "payloads": {"arguments": {"data": EXTERNAL}},
        "signals": [{"arguments": "A"}, {"arguments": EXTERNAL}],
        "history_events": [{"payload": {"command": {"payload": EXTERNAL}}}],
    }
    assert list(external_references(bundle)) == [
        (path, "s3", "s3://bucket/a/b")
        for path in (
            "payloads.arguments.data",
            "signals.1.arguments",
            "history_events.0.payload.command.payload",
        )
    ]


def test_a_reference_keeps_size_and_digest() -> None:
    assert external_reference(EXTERNAL) == ExternalReference("s3", "s3://bucket/a/b", 12, "ab" * 32)


@pytest.mark.parametrize("value", [None, "s3://x", [], {}, {"external_storage": "s3://x"}, {"blob": "A"}])
def test_what_is_no_reference_is_none(value: Any) -> None:
    assert external_reference(value) is None


URIS = {
    "https://user:secret@host/path?X-Signature=secret#secret": ("https", "https://host/path"),
    "https:////user:secret@host/x": ("https", "https:////host/x"),
    "S3://bucket/key": ("s3", "S3://bucket/key"),
    "s3://a:secret@b@bucket/key": ("s3", "s3://bucket/key"),
    "file:///srv/payloads/a@b": ("file", "file:///srv/payloads/a@b"),
    "corpus:key?secret": ("corpus", "corpus:key"),
    "just text with a secret": ("unknown", "unknown:"),
    "//host/secret": ("unknown", "unknown:"),
    "x" * 400 + "://host": ("unknown", "unknown:"),
    "s3://" + "k" * 400: ("s3", "s3://" + "k" * 295),
    5: ("unknown", "unknown:"),
    None: ("unknown", "unknown:"),
}


@pytest.mark.parametrize(("uri", "shown"), URIS.items(), ids=[str(index) for index in range(len(URIS))])
def test_a_uri_is_shown_without_what_may_be_secret(uri: Any, shown: tuple[str, str]) -> None:
    stored = {"uri": uri, "size_bytes": True, "sha256": 7}
    assert external_reference({"external_storage": stored}) == ExternalReference(*shown, None, None)


def test_the_value_of_a_place_is_what_stands_there() -> None:
    bundle = {"signals": [{"arguments": EXTERNAL, "payload_codec": "avro"}]}
    assert list(payload_sites(bundle)) == [PayloadSite("signals.0.arguments", Role.SIGNAL, "avro", EXTERNAL)]
