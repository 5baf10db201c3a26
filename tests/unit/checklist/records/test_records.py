"""Attestations and waivers: written so that people can review them, read so that no mistake decides anything."""

from __future__ import annotations

import hashlib
import re
import stat
import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwctl.checklist.description.described import Described
from dwctl.checklist.records.kept import attest, read_records, waive
from dwctl.checklist.records.records import Records
from dwctl.checklist.records.text import ATTESTATION, WAIVER, appended, parse
from dwctl.errors import ExitCode, LocalStateError, RequestNotPossible, UnreadableInput

NOW = "2026-11-23T08:00:00.000000Z"
LATER = "2026-11-24T08:00:00.000000Z"
CHECKS = ("server.health", "server.clock", "v1.drained")


@pytest.fixture
def described(tmp_path: Path) -> Described:
    return Described(
        path=tmp_path / "cutover.toml", name="orders", attestations=tmp_path / "cutover.attestations.toml",
        waivers=tmp_path / "cutover.waivers.toml",
    )  # fmt: skip


def read(described: Described, now: str = NOW) -> Records:
    return read_records(described, CHECKS, now)


def attested(described: Described, item: str = "1", now: str = NOW, evidence: Path | None = None, **more: str) -> None:
    expires = more.pop("expires", None)
    attest(described, item, by="Ana Lima", note="seen", evidence=evidence, expires=expires, now=now)
    assert not more


def waived(described: Described, check: str = "server.clock", expires: str = "30d", now: str = NOW) -> None:
    waive(described, check, reason="known", owner="ops", expires=expires, checks=CHECKS, now=now)


# --- round trip ----------------------------------------------------------------------------------------------


def test_nothing_written_is_nothing_that_counts(described: Described) -> None:
    assert read(described) == Records()


def test_an_attestation_is_written_as_text_to_review_and_read_again(described: Described) -> None:
    made = attest(described, "7", by='Ana "A" Lima', note="line 1\nline 2\u202e", evidence=None, expires="2d", now=NOW)
    text = described.attestations.read_text(encoding="utf-8")
    assert text.startswith("# What people vouch for")
    assert 'by = "Ana \\"A\\" Lima"\nnote = "line 1\\nline 2\\u202E"\nat = 2026-11-23T08:00:00Z\n' in text
    assert "expires = 2026-11-25T08:00:00Z\n" in text
    assert read(described).attestations == {7: made}
    assert made.expires == "2026-11-25T08:00:00.000000Z"


def test_a_waiver_is_written_and_read_again(described: Described) -> None:
    waived(described, expires="2026-12-01")
    (waiver,) = read(described).waivers.values()
    assert (waiver.check, waiver.owner, waiver.reason) == ("server.clock", "ops", "known")
    assert (waiver.at, waiver.expires) == (NOW, "2026-12-01T00:00:00.000000Z")


def test_what_people_wrote_stays_byte_for_byte_with_its_mode(described: Described) -> None:
    written = b'# ours\r\n[[waiver]]\r\ncheck="v1.drained"  # why not\r\nreason="r"\nowner="o"\nat=2026-11-01\n'
    written += b"expires=2026-12-24"
    described.waivers.write_bytes(written)
    described.waivers.chmod(0o644)
    waived(described)
    assert described.waivers.read_bytes().startswith(written + b"\n\n[[waiver]]\n")
    assert stat.S_IMODE(described.waivers.stat().st_mode) == 0o644
    assert set(read(described).waivers) == {"v1.drained", "server.clock"}
    assert [path.name for path in described.waivers.parent.iterdir()] == ["cutover.waivers.toml"]


def test_a_link_to_the_file_stays_a_link(described: Described, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    described.waivers.symlink_to(tmp_path / "elsewhere" / "waivers.toml")
    waived(described)
    assert described.waivers.is_symlink()
    assert "server.clock" in (tmp_path / "elsewhere" / "waivers.toml").read_text()


def test_many_at_once_lose_none(described: Described) -> None:
    threads = [threading.Thread(target=attested, args=(described, str(item))) for item in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(read(described).attestations) == set(range(1, 13))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
def test_any_words_come_back_as_they_were(words: str) -> None:
    text = appended("", WAIVER, {"check": "x", "reason": words, "owner": words, "at": NOW, "expires": LATER})
    (record,) = parse(text, Path("w.toml"), WAIVER)
    assert (record.text("reason"), record.text("owner")) == (words, words)
    assert record.text("at") == NOW
    assert all(line.isprintable() for line in text.split("\n"))


# --- evidence ------------------------------------------------------------------------------------------------


def test_evidence_is_kept_by_its_sha256_and_beside_the_file(described: Described, tmp_path: Path) -> None:
    file = tmp_path / "evidence" / "v1.txt"
    file.parent.mkdir()
    file.write_text("no v1 workflows")
    attested(described, evidence=file)
    (kept,) = read(described).attestations.values()
    assert kept.file == "evidence/v1.txt"
    assert kept.file_sha256 == hashlib.sha256(b"no v1 workflows").hexdigest()


@pytest.mark.parametrize(("change", "told"), [("changed", "has changed since"), ("gone", "cannot be read")])
def test_evidence_that_is_not_what_it_was_makes_the_attestation_count_for_nothing(
    described: Described, tmp_path: Path, change: str, told: str
) -> None:
    file = tmp_path / "v1.txt"
    file.write_text("none")
    attested(described, evidence=file)
    if change == "gone":
        file.unlink()
    else:
        file.write_text("one")
    found = read(described)
    assert found.attestations == {}
    assert told in found.complaints[0]
    assert "counts for nothing" in found.complaints[0]
    assert "cutover.attestations.toml:5" in found.complaints[0]


def test_evidence_that_is_not_there_is_refused_and_nothing_is_written(described: Described, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.txt", tmp_path):
        with pytest.raises(UnreadableInput, match="the evidence cannot be read"):
            attested(described, evidence=path)
    assert not described.attestations.exists()


# --- expiry and renewal --------------------------------------------------------------------------------------


def test_what_has_expired_changes_nothing_and_is_complained_of(described: Described) -> None:
    attested(described, expires="12h")
    waived(described, expires="12h")
    assert not read(described).complaints
    found = read(described, LATER)
    assert (found.attestations, found.waivers) == ({}, {})
    assert re.search(r"attestation of item 1 by Ana Lima expired at 2026-11-23T20:00:00", found.complaints[0])
    assert re.search(r"waiver of server.clock by ops expired .* renew or remove it", found.complaints[1])


def test_a_new_record_renews_one_that_has_expired(described: Described) -> None:
    waived(described, expires="12h")
    attested(described, expires="12h")
    waived(described, expires="12h", now=LATER)
    attested(described, now=LATER)
    found = read(described, LATER)
    assert set(found.waivers) == {"server.clock"}
    assert set(found.attestations) == {1}
    assert found.complaints == ()


def test_a_second_one_is_refused_while_the_first_counts(described: Described) -> None:
    waived(described)
    attested(described)
    with pytest.raises(RequestNotPossible, match=r"server.clock is waived already, by ops until 2026-12-23") as caught:
        waived(described, now=LATER)
    assert caught.value.reason == "record_exists"
    with pytest.raises(RequestNotPossible, match="item 1 is attested already, by Ana Lima"):
        attested(described, now=LATER)
    assert described.waivers.read_text().count("[[waiver]]") == 2  # one in the heading


@pytest.mark.parametrize(
    ("expires", "sentence"),
    [
        ("2026-11-23", "in the past"),
        ("2026-11-23T07:59:59Z", "in the past"),
        ("367d", "a year at most"),
        ("2028-01-01", "a year at most"),
        ("tomorrow", "must be a date"),
        ("0d", "must be a date"),
        ("2026-12-01T08:00:00", "must be a date"),
        ("", "must be a date"),
        ("999999w", "must be a date"),
    ],
)
def test_a_waiver_needs_a_moment_within_a_year(described: Described, expires: str, sentence: str) -> None:
    with pytest.raises(RequestNotPossible, match=sentence) as caught:
        waived(described, expires=expires)
    assert caught.value.reason == "wrong_expiry"
    assert not described.waivers.exists()


# --- what is refused -----------------------------------------------------------------------------------------


def test_unknown_names_are_met_with_the_right_ones(described: Described) -> None:
    with pytest.raises(RequestNotPossible, match="there is no check") as caught:
        waived(described, check="server.helth")
    assert "server.health" in str(caught.value.next_step)
    for item in ("0", "13", "v1", "²", ""):
        with pytest.raises(RequestNotPossible, match="there is no item") as caught:
            attested(described, item)
        assert "1 v1, 2 type keys" in str(caught.value.next_step)


def test_words_must_be_there_and_be_text(described: Described) -> None:
    for owner in (" ", "", "\udcff"):
        with pytest.raises(RequestNotPossible) as caught:
            waive(described, "v1.drained", reason="r", owner=owner, expires="1d", checks=CHECKS, now=NOW)
        assert caught.value.where == "--owner"


GOOD = 'check = "v1.drained"\nreason = "r"\nowner = "o"\nat = 2026-11-01T00:00:00Z\nexpires = 2026-12-01T00:00:00Z\n'


def without(key: str) -> str:
    return re.sub(rf"^{key} = .*\n", "", GOOD, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("body", "sentence", "place"),
    [
        (GOOD + 'chek = "x"\n', "a waiver has no key `chek`", ":2: chek"),
        (without("owner"), "needs `owner`", ":2: owner"),
        (without("expires"), "needs `expires`", ":2: expires"),
        (without("reason"), "needs `reason`", ":2: reason"),
        (GOOD.replace('"o"', '" "'), "`owner` must be text", ":2: owner"),
        (GOOD.replace('"o"', "3"), "`owner` must be text", ":2: owner"),
        (GOOD.replace("2026-12-01T00:00:00Z", '"in spring"'), "must be a moment", ":2: expires"),
        (GOOD.replace("2026-12-01T00:00:00Z", "2026-12-01T00:00:00"), "must be a moment", ":2: expires"),
        (GOOD.replace("2026-12-01T00:00:00Z", "17"), "must be a moment", ":2: expires"),
        (GOOD.replace("2026-12-01", "2027-12-01"), "a year at most", ":2: expires"),
        (GOOD.replace("2026-12-01", "2026-10-01"), "not after `at`", ":2: expires"),
        (GOOD.replace("2026-11-01", "2026-11-25"), "in the future", ":2: at"),
        (GOOD.replace("v1.drained", "v1.draind"), "there is no check 'v1.draind'", ":2: check"),
        (GOOD + "[[waiver]]\n" + GOOD, "v1.drained stands here twice", ":8"),
        (GOOD + '[waivers]\na = "b"\n', "the file has no `waivers`", ": waivers"),
        (GOOD + "check = \n", "not TOML", "toml"),
    ],
)
def test_a_mistake_is_a_sentence_with_its_place(described: Described, body: str, sentence: str, place: str) -> None:
    described.waivers.write_text(f"# reviewed\n[[waiver]]\n{body}", encoding="utf-8")
    for act in (read, waived):
        with pytest.raises(RequestNotPossible) as caught:
            act(described)
        assert sentence in caught.value.message
        assert str(caught.value.where).endswith(place)
        assert caught.value.exit_code is ExitCode.USAGE
        assert caught.value.next_step


ATTEST = 'item = 1\nby = "b"\nnote = "n"\nat = 2026-11-01\n'


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (ATTEST.replace("= 1", "= 13", 1), "there is no item 13"),
        (ATTEST.replace("= 1", '= "1"', 1), "must be the number of an item"),
        (ATTEST.replace("= 1", "= true", 1), "must be the number of an item"),
        (ATTEST + 'evidence = "a.txt"\n', "belong together"),
        (ATTEST + 'sha256 = "00"\n', "belong together"),
        (ATTEST.replace("by", "who"), "an attestation has no key `who`"),
        (ATTEST + "[[attestation]]\n" + ATTEST, "item 1 stands here twice"),
    ],
)
def test_a_mistake_in_an_attestation_is_one_too(described: Described, body: str, sentence: str) -> None:
    described.attestations.write_text(f"[[attestation]]\n{body}", encoding="utf-8")
    with pytest.raises(RequestNotPossible, match=re.escape(sentence)):
        read(described)


def test_dates_as_people_write_them_are_read(described: Described) -> None:
    at = 'at = "2026-11-01"\nexpires = "2026-12-01T01:00:00+01:00"'
    described.waivers.write_text("[[ waiver ]]\n" + re.sub(r"at = .*\nexpires = .*", at, GOOD))
    (waiver,) = read(described).waivers.values()
    assert (waiver.at, waiver.expires) == ("2026-11-01T00:00:00.000000Z", "2026-12-01T00:00:00.000000Z")


def test_a_place_is_counted_where_the_lines_cannot_be_told(described: Described) -> None:
    described.waivers.write_text('waiver = [{check = "v1.drained"}]\n')
    with pytest.raises(RequestNotPossible) as caught:
        read(described)
    assert str(caught.value.where).endswith("toml: waiver 1: reason")


def test_a_closed_list_takes_no_more_and_stays_as_it_is(described: Described) -> None:
    described.waivers.write_text("waiver = []\n")
    with pytest.raises(RequestNotPossible, match="not TOML"):
        waived(described)
    assert described.waivers.read_text() == "waiver = []\n"


def test_files_that_cannot_be_read_or_written_are_said(described: Described, tmp_path: Path) -> None:
    described.waivers.write_bytes(b"\xff\xfe")
    with pytest.raises(UnreadableInput, match="not UTF-8"):
        read(described)
    described.attestations.mkdir()
    with pytest.raises(UnreadableInput, match="cannot be read"):
        read(described)
    gone = Described(path=None, name="x", attestations=tmp_path / "no" / "a.toml", waivers=tmp_path / "no" / "w.toml")
    with pytest.raises(LocalStateError, match="cannot be written"):
        waived(gone)


def test_both_headings_are_toml(tmp_path: Path) -> None:
    for kind in (ATTESTATION, WAIVER):
        assert tomllib.loads(kind.heading) == {}
        assert all(len(line) <= 120 for line in kind.heading.splitlines())
