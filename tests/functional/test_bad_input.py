"""Bad input gets a sentence and the right exit code, never a traceback, a hang or a flood (issue 2, "Bad input")."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dwctl.cli.main import run
from dwctl.errors import ExitCode
from output_schemas import document, lines
from sample_bundles import LEASED, WAITING, as_json, sealed, small_bundle

Capture = pytest.CaptureFixture[str]
DWCTL = Path(sys.executable).with_name("dwctl")
VERIFY = ("bundle", "verify")
DRY_RUN = ("history-import", "--dry-run", "--offline")
COMMANDS = [VERIFY, DRY_RUN]
HOSTILE = "[bold red]x[/]\x1b[31m\x9b1m\u202e\u2066\u200b\r\x07"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in a folder of its own, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DW_CONFIG_HOME", str(tmp_path))


def write(content: bytes, name: str = "a.json") -> str:
    """The name of a file that holds this content."""
    Path(name).write_bytes(content)
    return name


def judged(command: tuple[str, ...], capsys: Capture, *names: str) -> tuple[int, str, list[dict[str, Any]]]:
    """Run a command on files in every format: its exit code, what it shows a person, and its JSON lines."""
    code = run([*command, *names])
    shown = capsys.readouterr()
    assert shown.err == ""
    assert_harmless(shown.out)
    schema = "bundle-verify" if command is VERIFY else "history-import"
    assert run([*command, *names, "--output", "jsonl"]) == code
    items = lines(capsys.readouterr().out, schema, "bundle")
    assert run([*command, *names, "--json"]) == code
    assert document(capsys.readouterr().out, schema)["bundles"] == items
    return code, shown.out, items


def assert_harmless(text: str) -> None:
    """Nothing in a text for people steers a terminal, and it is no traceback."""
    assert [one for one in text if not one.isprintable() and one != "\n"] == []
    assert "Traceback" not in text
    assert "bug in dwctl" not in text


# --- what is no bundle -------------------------------------------------------------------------------------


NOT_A_BUNDLE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the document is empty"),
    "blank": (b" \n\t", "the document is empty"),
    "no JSON": (b"hello", "the document is not JSON"),
    "XML": (b"<bundle/>", "the document is not JSON"),
    "truncated": (WAITING.read_bytes()[:5_000], "it is truncated"),
    "truncated after a key": (b'{"schema":', "it is truncated"),
    "gzip": (gzip.compress(WAITING.read_bytes()), "gzip"),
    "BOM": (b"\xef\xbb\xbf" + WAITING.read_bytes(), "byte order mark"),
    "UTF-16": (WAITING.read_text("utf-8").encode("utf-16"), "UTF-16 byte order mark"),
    "UTF-16 without mark": (WAITING.read_text("utf-8").encode("utf-16-le"), "the document is not JSON"),
    "Latin-1": (b'{"a":"\xe9"}', "byte 0xe9 is not valid UTF-8"),
    "NaN": (b'{"a":NaN}', "NaN is not a JSON value"),
    "Infinity": (b'{"a":[-Infinity]}', "-Infinity is not a JSON value"),
    "600 levels": (b"[" * 600 + b"]" * 600, "more than 511 levels"),
    "100,000 levels": (b'{"a":' * 100_000, "levels"),
    "half a surrogate": (b'{"a":"\\ud800"}', "surrogate"),
    "a number": (b"5", "the document is a number"),
    "a large number": (b"1e300", "the document is a number"),
    "an infinite number": (b"1e999", "the document is a number"),
    "a text": (b'"bundle"', "the document is a string"),
    "null": (b"null", "the document is a null"),
    "zeros": (b"\x00" * 1_000, "the document is not JSON"),
}


@pytest.mark.parametrize("command", COMMANDS, ids=["verify", "dry-run"])
@pytest.mark.parametrize("name", NOT_A_BUNDLE)
def test_what_is_no_bundle_is_said_in_a_sentence_and_ends_in_1(
    name: str, command: tuple[str, ...], capsys: Capture
) -> None:
    content, sentence = NOT_A_BUNDLE[name]
    code, shown, (item,) = judged(command, capsys, write(content))
    assert code == ExitCode.NO
    assert sentence in shown
    assert "fix: " in shown
    assert "1 bundle: 1 not a bundle. NO: not all can be imported." in shown
    assert item["verdict"] == "unreadable"
    assert item["reference"]["error_rules"] is None
    assert [finding["rule"] for finding in item["findings"]] == ["bundle.unparseable"]


@pytest.mark.parametrize("command", [("bundle", "canonical"), ("bundle", "repair")], ids=" ".join)
@pytest.mark.parametrize(
    "name", [name for name in NOT_A_BUNDLE if "number" not in name and name not in {"a text", "null"}]
)
def test_other_commands_refuse_what_does_not_decode_alike(name: str, command: tuple[str, ...], capsys: Capture) -> None:
    content, sentence = NOT_A_BUNDLE[name]
    out = ["out.json"] if command[1] == "repair" else []
    assert run([*command, write(content), *out]) == ExitCode.NO
    printed = capsys.readouterr()
    assert printed.out == ""
    assert_harmless(printed.err)
    assert sentence in printed.err
    assert "\n  where: a.json, line " in printed.err
    assert "\n  next: " in printed.err
    assert not Path("out.json").exists()


@pytest.mark.parametrize("command", COMMANDS, ids=["verify", "dry-run"])
@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"[" + WAITING.read_bytes() + b"]", "bundle.not_an_object"),
        (b"{}", "integrity.missing"),
        (b"[]", "integrity.missing"),
        (b'{"schema":"x"}', "bundle.schema_unexpected"),
        (sealed(small_bundle()).replace(b'"run_number":1', b'"run_number":1e999'), "bundle.infinite_number"),
        (sealed(small_bundle()).replace(b'"run_number":1', b'"run_number":-1e999'), "bundle.infinite_number"),
        (
            as_json({"commands": [{"id": "c", "outcome": "x", "status": "S"}]}).replace(b'"S"', b"1e999"),
            "integrity.missing",
        ),
    ],
)
def test_a_document_that_is_not_a_sound_bundle_is_refused_by_rule(
    content: bytes, rule: str, command: tuple[str, ...], capsys: Capture
) -> None:
    code, _, (item,) = judged(command, capsys, write(content))
    assert code == ExitCode.NO
    assert item["verdict"] == "refused"
    assert rule in [finding["rule"] for finding in item["findings"]]


def test_an_infinite_number_is_named_by_its_path(capsys: Capture) -> None:
    bundle = sealed(small_bundle({"workflow.memo": {"a": [0, 1]}}))
    _, shown, _ = judged(VERIFY, capsys, write(bundle.replace(b'"a":[0,1]', b'"a":[0,1e999]')))
    assert "bundle.infinite_number  at workflow.memo.a.1" in shown


# --- what cannot be read -----------------------------------------------------------------------------------


def a_missing_file() -> str:
    return "nowhere.json"


def a_dangling_link() -> str:
    Path("link.json").symlink_to("nowhere")
    return "link.json"


def a_fifo() -> str:
    os.mkfifo("fifo.json")
    return "fifo.json"


def a_device() -> str:
    return os.devnull


def a_name_that_is_too_long() -> str:
    return "a" * 5_000


def a_loop_of_links() -> str:
    Path("loop.json").symlink_to("loop.json")
    return "loop.json"


def a_file_below_a_file() -> str:
    write(b"{}")
    return "a.json/b.json"


def a_huge_file() -> str:
    with Path("huge.json").open("wb") as sparse:
        sparse.truncate(200_000_000)
    return "huge.json"


def an_empty_name() -> str:
    return ""


UNREADABLE = [
    a_missing_file, a_dangling_link, a_fifo, a_device, a_name_that_is_too_long, a_loop_of_links, a_file_below_a_file,
    a_huge_file, an_empty_name,
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=["verify", "dry-run"])
@pytest.mark.parametrize("make", UNREADABLE, ids=lambda make: make.__name__)
def test_what_cannot_be_read_is_said_in_a_sentence_and_ends_in_2(
    make: Callable[[], str], command: tuple[str, ...], capsys: Capture
) -> None:
    name = make()
    code, shown, (item,) = judged(command, capsys, name)
    assert code == ExitCode.USAGE
    assert "1 bundle: 1 not read. NO: not all can be imported." in shown
    assert "fix: " in shown
    assert item["problem"]["message"] in " ".join(shown.split())
    assert item["reference"]["error_rules"] is None
    code, _, items = judged(command, capsys, str(WAITING), name)
    assert code == ExitCode.USAGE
    assert [one["verdict"] for one in items] == ["ok", "unreadable"]


@pytest.mark.parametrize("make", UNREADABLE, ids=lambda make: make.__name__)
@pytest.mark.parametrize("arguments", [["bundle", "canonical", "IN"], ["bundle", "repair", "IN", "out.json"]])
def test_other_commands_refuse_what_cannot_be_read_alike(
    make: Callable[[], str], arguments: list[str], capsys: Capture
) -> None:
    name = make()
    assert run([name if word == "IN" else word for word in arguments]) == ExitCode.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert_harmless(printed.err)
    assert "\n  next: " in printed.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_called_that(capsys: Capture) -> None:
    Path(write(b"{}")).chmod(0)
    code, shown, _ = judged(VERIFY, capsys, "a.json")
    assert code == ExitCode.USAGE
    assert "the file may not be read" in shown


def test_a_file_that_vanishes_while_others_are_judged_is_missing(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dwctl.transfer.files import verification

    Path("exports").mkdir()
    for name in ("a", "b", "c"):
        write(WAITING.read_bytes(), f"exports/{name}.json")
    judge = verification.verify_file

    def judge_and_take_away(file: str, *rest: Any, **options: Any) -> verification.FileVerdict:
        Path("exports/b.json").unlink(missing_ok=True)
        return judge(file, *rest, **options)

    monkeypatch.setattr(verification, "verify_file", judge_and_take_away)
    assert run(["bundle", "verify", "exports"]) == ExitCode.USAGE
    shown = capsys.readouterr().out
    assert "there is no such file" in shown
    assert "3 bundles: 2 ok, 1 not read. NO" in shown


@pytest.mark.parametrize("writer", [False, True], ids=["nobody writes", "somebody writes"])
def test_a_fifo_hangs_no_command(writer: bool) -> None:
    os.mkfifo("fifo.json")
    descriptor = os.open("fifo.json", os.O_RDWR) if writer else None
    try:
        for arguments in (
            ["verify", "fifo.json"],
            ["verify", "."],
            ["canonical", "fifo.json"],
            ["repair", "fifo.json", "o"],
        ):
            done = subprocess.run(
                [DWCTL, "bundle", *arguments], capture_output=True, text=True, timeout=30, check=False
            )
            assert done.returncode == ExitCode.USAGE
            assert "a FIFO" in done.stdout + done.stderr
    finally:
        if descriptor is not None:
            os.close(descriptor)


@pytest.mark.parametrize("command", COMMANDS, ids=["verify", "dry-run"])
def test_a_file_of_200_mb_is_refused_before_it_is_read(command: tuple[str, ...], capsys: Capture) -> None:
    name = a_huge_file()
    run([*command, str(LEASED)])  # what is imported late is imported now
    capsys.readouterr()
    tracemalloc.start()
    try:
        assert run([*command, name]) == ExitCode.USAGE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "200,000,000 bytes are more than the limit of 67,108,864 bytes" in capsys.readouterr().out
    assert peak < 5_000_000


def test_a_limit_beyond_all_memory_is_no_failure(capsys: Capture) -> None:
    for limit in ("100000G", "99999999999999999999G", "9" * 4_000):
        assert run(["bundle", "verify", str(WAITING), "--max-bundle-size", limit]) == ExitCode.DONE, limit[:30]
        assert_harmless(capsys.readouterr().out)


# --- nothing to check --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=["verify", "dry-run"])
@pytest.mark.parametrize("files", [[], ["notes.txt"], [".hidden.json"], [".git/a.json"], ["a.gz"]], ids=str)
def test_a_folder_without_bundles_is_no_success(files: list[str], command: tuple[str, ...], capsys: Capture) -> None:
    Path("exports/.git").mkdir(parents=True)
    for file in files:
        write(b"{}", f"exports/{file}")
    for names in (["exports"], [str(WAITING), "exports"], ["exports/"]):
        for output in ([], ["--json"], ["--output", "jsonl"]):
            assert run([*command, *names, *output]) == ExitCode.USAGE
            printed = capsys.readouterr()
            if output:
                assert document(printed.out, "error")["reason"] == "no_bundles"
            else:
                assert printed.out == ""
                assert "the folder holds no bundle" in printed.err


# --- ten thousand findings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=["verify", "dry-run"])
def test_of_ten_thousand_findings_json_has_all_and_the_screen_the_first_few_and_a_count(
    command: tuple[str, ...], capsys: Capture
) -> None:
    events = [{"id": f"e{at}", "sequence": 1, "type": "TimerFired"} for at in range(10_001)]
    bundle = small_bundle({"history_events": events, "commands": [], "workflow.last_history_sequence": 1})
    code, shown, (item,) = judged(command, capsys, write(sealed(bundle)))
    assert code == ExitCode.NO
    assert item["reference"]["integrity_rules"] == ["history_events.sequence_not_monotonic"] * 10_000
    assert shown.count("history_events.sequence_not_monotonic  at") == 6
    assert "… and 9,994 more findings (all of them: --json)" in shown
    assert len(shown) < 5_000


# --- hostile text ------------------------------------------------------------------------------------------


PLACES = [
    "workflow.instance_id",
    "workflow.run_id",
    "workflow.workflow_type",
    "workflow.status",
    "schema",
    "tasks.0.id",
]


@pytest.mark.parametrize("command", COMMANDS, ids=["verify", "dry-run"])
@pytest.mark.parametrize("place", PLACES)
def test_markup_and_controls_of_an_id_are_shown_and_not_obeyed(
    place: str, command: tuple[str, ...], capsys: Capture
) -> None:
    bundle = small_bundle({place: HOSTILE, "tasks.0.status": "leased"})
    _, shown, (item,) = judged(command, capsys, write(sealed(bundle)))
    is_shown = "[bold red]x[/]\\x1b[31m\\x9b1m\\u202e\\u2066\\u200b\\x0d\\x07" in shown.replace("\n", "")
    assert is_shown is (place != "workflow.run_id")
    if place.startswith("workflow"):
        assert HOSTILE in item["run"].values()


def test_hostile_names_of_files_are_shown_and_not_obeyed(capsys: Capture) -> None:
    hostile = HOSTILE.replace("/", "")
    name = f"{hostile}.json"
    code, shown, (item,) = judged(VERIFY, capsys, write(WAITING.read_bytes(), name))
    assert (code, item["file"]) == (ExitCode.DONE, name)
    assert "[bold red]x[]\\x1b[31m" in shown
    for arguments in (["bundle", "verify", f"gone/{hostile}*"], ["bundle", "canonical", f"gone{hostile}"],
                      ["bundle", "verify", name, "--signing-key-file", hostile],
                      ["bundle", "verify", name, "--max-bundle-size", hostile],
                      ["bundle", "verify", name, "--output", hostile], [hostile], ["explain", hostile]):  # fmt: skip
        assert run(arguments) in {ExitCode.USAGE, ExitCode.NOT_FOUND}
        printed = capsys.readouterr()
        assert printed.out == ""
        assert_harmless(printed.err)
        assert "[bold red]x[]\\x1b[31m" in printed.err


@pytest.mark.parametrize("name", ["a\n  next: do harm", "a\n\nb"])
def test_a_name_with_line_breaks_forges_no_line(name: str, capsys: Capture) -> None:
    assert run(["bundle", "canonical", name]) == ExitCode.USAGE
    assert [line.split(":")[0].strip() for line in capsys.readouterr().err.splitlines()] == [
        "dwctl", "where", "reason", "next",
    ]  # fmt: skip


def test_a_name_that_is_no_unicode_is_shown_and_kept_in_json(capsys: Capture) -> None:
    name = os.fsdecode(b"caf\xe9.json")
    try:
        write(WAITING.read_bytes(), name)
    except OSError:
        pytest.skip("this file system takes only names in Unicode")
    code, shown, (item,) = judged(VERIFY, capsys, name)
    assert (code, item["file"]) == (ExitCode.DONE, name)
    assert "caf\\udce9.json" in shown


@pytest.mark.parametrize("identity", ["../../etc/passwd", "a/b", "..", "/", "C:\\run", "~", "a\x00b", "-rf", "$(id)"])
def test_an_id_that_looks_like_a_path_is_only_text(identity: str, capsys: Capture) -> None:
    bundle = small_bundle({"workflow.instance_id": identity, "workflow.run_id": identity, "tasks.0.id": identity})
    before = sorted(Path().iterdir())
    for command in COMMANDS:
        code, _, (item,) = judged(command, capsys, write(sealed(bundle)))
        assert code == ExitCode.DONE
        assert item["run"]["instance_id"] == identity
    assert sorted(Path().iterdir()) == [*before, Path("a.json")]


# --- the process itself ------------------------------------------------------------------------------------


def test_a_reader_that_goes_away_gets_no_traceback_and_no_green() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        for arguments in (["bundle", "verify", str(WAITING)], ["bundle", "verify", str(LEASED), "--json"]):
            done = subprocess.run([DWCTL, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
            assert done.returncode != ExitCode.DONE
            assert "Traceback" not in done.stderr
    finally:
        os.close(writer)


def test_the_installed_command_exits_with_the_code_of_the_answer() -> None:
    for name, code in ((str(WAITING), 0), (str(LEASED), 1), ("nowhere.json", 2), (write(b"{"), 1), (".hidden", 2)):
        done = subprocess.run([DWCTL, "bundle", "verify", name], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (code, ""), name
        assert json.loads(
            subprocess.run(
                [DWCTL, "bundle", "verify", name, "--json"], capture_output=True, text=True, check=False
            ).stdout
        )["summary"]["exit_code"] == code  # fmt: skip
