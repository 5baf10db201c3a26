"""Schema, models, summary and difference over every recorded bundle, every change of one, and every report."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dwctl import schema_files
from dwctl.bundle.canonical import Document, decode
from dwctl.bundle.conformance import schema_findings
from dwctl.bundle.diff import DiffVerdict, diff_bundles, require_comparable
from dwctl.bundle.model import read_bundle_model, read_import_report
from dwctl.bundle.summary import summarize
from dwctl.errors import AnswerIsNo, UndecodableDocument
from dwctl.render.console_diff import write_diff
from dwctl.render.console_show import write_summary
from dwctl.render.json_bundle import diff_document, show_document

SCHEMA = schema_files.load("history-export")
SHOW = Draft202012Validator(schema_files.load("bundle-show"))
DIFF = Draft202012Validator(schema_files.load("bundle-diff"))


@pytest.fixture(scope="module")
def bundles(shared: Path) -> dict[str, Document]:
    """The decoded bundles of the corpus by name."""
    files = sorted((shared / "corpus" / "bundles").glob("*.json"))
    assert len(files) > 60
    return {file.name: decode(file.read_bytes()) for file in files}


@pytest.fixture(scope="module")
def changed(shared: Path) -> dict[str, Document]:
    """The changed bundles that decode to something with sections, by name."""
    files = sorted((shared / "corpus" / "changed").glob("*.json"))
    assert len(files) > 100
    return dict(_bundles_among(files))


def _bundles_among(files: list[Path]) -> Iterator[tuple[str, Document]]:
    for file in files:
        try:
            document = decode(file.read_bytes())
            require_comparable(document)
        except (UndecodableDocument, AnswerIsNo):
            continue
        yield file.name, document


def test_every_real_bundle_matches_the_schema(bundles: dict[str, Document]) -> None:
    findings = {name: list(schema_findings(document.value, SCHEMA)) for name, document in bundles.items()}
    assert {name: found for name, found in findings.items() if found} == {}


def test_every_export_over_http_matches_the_schema(shared: Path) -> None:
    exports = 0
    for file in sorted((shared / "recordings" / "http").glob("*.json")):
        body = json.loads(file.read_bytes())["response"].get("body")
        if isinstance(body, dict) and body.get("schema") == "durable-workflow.v2.history-export":
            exports += 1
            assert list(schema_findings(body, SCHEMA)) == [], file.name
    assert exports >= 5


# Changes of the shape that the schema must notice; what it cannot (checksums, order, relations) is not here.
NOTICED = {
    *("m018", "m019", "m021", "m022", "m024", "m025", "m028", "m030", "m031", "m033", "m034", "m036", "m037"),
    *("m039", "m040", "m042", "m043", "m045", "m046", "m048", "m049", "m051", "m052", "m054", "m055", "m057"),
    *("m060", "m061", "m063", "m064", "m066", "m069", "m070", "m072", "m073", "m075", "m078", "m081", "m082"),
    *("m085", "m088", "m094", "m129", "m135", "m138", "m139", "m144", "m145", "m151", "m153", "m154", "m156"),
    *("m157", "m160", "m162", "m165", "m174", "m175", "m177", "m181", "m183", "m187"),
}


def test_the_schema_notices_exactly_the_changes_of_the_shape(changed: dict[str, Document]) -> None:
    noticed = {name.split("-")[0] for name, document in changed.items() if any(schema_findings(document.value, SCHEMA))}
    assert noticed == NOTICED


def test_every_real_bundle_is_read_by_the_model(bundles: dict[str, Document]) -> None:
    for name, document in bundles.items():
        bundle = read_bundle_model(document.value)
        assert bundle.workflow.run_id == document.value["workflow"]["run_id"], name
        assert len(bundle.history_events) == len(document.value["history_events"]), name


def test_every_recorded_import_report_is_read_by_the_model(shared: Path) -> None:
    statuses: Counter[str] = Counter()
    for file in sorted((shared / "corpus" / "cases").glob("*.json")):
        for kind, case in json.loads(file.read_bytes())["cases"].items():
            if kind.startswith(("dry-run", "import")) and "report" in case:
                report = read_import_report(case["report"])
                assert report.status == case["status"], (file.name, kind)
                rules = [error.rule for error in report.eligibility.errors.values()]
                assert rules == case["error_rules"], (file.name, kind)
                statuses[report.status] += 1
    assert set(statuses) == {"imported", "already_imported", "dry_run", "rejected"}
    assert statuses.total() > 900


def test_every_real_bundle_is_shown_whole(bundles: dict[str, Document], shared: Path) -> None:
    for name, document in bundles.items():
        summary = summarize(document, SCHEMA)
        about = json.loads((shared / "corpus" / "cases" / name).read_bytes())["about"]
        assert summary.damage == (), name
        assert summary.schema_problems == (), name
        assert summary.state.status == about["status"], name
        assert len(summary.timeline) == about["events"], name
        assert summary.seal.signed == about["signed"], name
        SHOW.validate(shown(name, document))


def test_every_change_is_shown_without_a_crash(changed: dict[str, Document]) -> None:
    assert len(changed) > 120
    for name, document in changed.items():
        SHOW.validate(shown(name, document))


def shown(name: str, document: Document) -> Any:
    """A bundle shown in both ways; the JSON document."""
    summary = summarize(document, SCHEMA)
    stream = io.StringIO()
    write_summary(name, summary, stream)
    assert stream.getvalue().startswith(name)
    return json.loads(json.dumps(show_document(name, summary)))


def test_documents_that_are_no_bundles_are_refused_by_name(shared: Path) -> None:
    refused = set()
    for file in sorted((shared / "corpus" / "changed").glob("*.json")):
        try:
            summarize(decode(file.read_bytes()), SCHEMA)
        except (UndecodableDocument, AnswerIsNo) as error:
            refused.add((file.name.split("-")[0], error.reason))
    assert refused == {
        ("m178", "not_a_bundle"),
        ("m189", "truncated"),
        ("m190", "not_json"),
        ("m192", "empty"),
        ("m193", "not_a_bundle"),
        ("m195", "not_a_bundle"),
        ("m196", "syntax_error"),
        ("m199", "invalid_utf8"),
        ("m201", "nested_too_deep"),
    }


def test_open_work_is_held_exactly_where_the_reference_refuses_it(
    bundles: dict[str, Document], changed: dict[str, Document], shared: Path
) -> None:
    refusals = {"tasks.leased_task_present", "activities.running_attempt_present"}
    seen = 0
    for name, document in {**bundles, **changed}.items():
        report = json.loads((shared / "corpus" / "cases" / name).read_bytes())["cases"].get("dry-run")
        if report is not None:
            held = any(item.held for item in summarize(document).open_work)
            assert held == bool(refusals & set(report["error_rules"])), name
            seen += held
    assert seen >= 3


def test_a_change_of_a_bundle_is_compared_with_what_it_was_made_of(
    bundles: dict[str, Document], changed: dict[str, Document], shared: Path
) -> None:
    verdicts: dict[str, DiffVerdict] = {}
    for name, document in changed.items():
        base = json.loads((shared / "corpus" / "cases" / name).read_bytes())["about"]["base"]
        if base not in bundles:
            continue
        diff = diff_bundles(bundles[base], document)
        write_diff((base, name), diff, io.StringIO())
        DIFF.validate(json.loads(json.dumps(diff_document(base, name, diff))))
        verdicts[name.split("-")[0]] = diff.verdict
    assert len(verdicts) > 100
    for number in ("m001", "m004", "m006"):
        assert verdicts[number] is DiffVerdict.SAME_CONTENT
    for number in ("m136", "m142", "m144", "m145", "m058", "m112"):
        assert verdicts[number] is DiffVerdict.HISTORY_CHANGED
    for number in ("m154", "m160", "m162", "m169"):
        assert verdicts[number] is DiffVerdict.SEAL_CHANGED
    for number in ("m061", "m064"):
        assert verdicts[number] is DiffVerdict.ANOTHER_RUN
    assert verdicts["m091"] is DiffVerdict.CHANGED


def test_real_exports_of_one_run_at_several_moments_have_moved(shared: Path) -> None:
    exports = [http_export(shared, number) for number in ("084", "105", "112")]
    for first, second in pairwise(exports):
        diff = diff_bundles(first, second)
        assert diff.verdict is DiffVerdict.MOVED
        assert diff.later == "second"
        assert diff.added
        assert (diff.rewritten, diff.lost) == ((), ())


def test_a_real_export_of_a_pruned_run_has_lost_its_history(bundles: dict[str, Document], shared: Path) -> None:
    before = next(document for name, document in bundles.items() if name.startswith("02-"))
    diff = diff_bundles(before, pruned(before, http_export(shared, "467")))
    assert diff.verdict is DiffVerdict.HISTORY_CHANGED
    assert len(diff.lost) == 16


def pruned(before: Document, after: Document) -> Document:
    """The recorded export of a pruned run, which was imported under another instance id."""
    after.value["workflow"]["instance_id"] = before.value["workflow"]["instance_id"]
    return Document(b"", after.value, None)


def http_export(shared: Path, number: str) -> Document:
    """A recorded export over HTTP."""
    (file,) = (shared / "recordings" / "http").glob(f"{number}-*.json")
    return decode(json.dumps(json.loads(file.read_bytes())["response"]["body"]).encode())
