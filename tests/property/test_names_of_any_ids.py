"""Names of bundle files, for any two texts: reversible, never shared, and taken by every file system."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from dwctl.transfer.files.names import SUFFIXES, bundle_file, ids_of

AWKWARD = [
    "",
    ".",
    "..",
    "a.",
    ".a",
    "-x",
    "con",
    "CON",
    "Aux.txt",
    "nul",
    "com1",
    "manifest.jsonl",
    "Export-Log.jsonl",
    "%",
    "%2f",
    ",",
    "a,1",
]
AWKWARD += [
    "a/b",
    "a\\b",
    "\0",
    "\n",
    "é",
    "e\u0301",
    "İ",
    "ı",
    "ß",
    "SS",
    "ſ",
    "\u212a",
    "\ud800",
    "\U0001f600",
    "A",
    "a",
]

texts = st.one_of(
    st.text(),
    st.text(st.characters(codec=None)),  # with lone surrogates
    st.text("aA.-,%/ç", max_size=6),
    st.sampled_from(AWKWARD),
    st.integers(150, 900).flatmap(lambda length: st.sampled_from("aA.é,/").map(lambda one: one * length)),
)
suffixes = st.sampled_from(SUFFIXES)

DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def as_a_sloppy_system_keeps_it(name: str) -> str:
    """What is left where case is folded and Unicode normalised."""
    return unicodedata.normalize("NFC", name).casefold()


@given(texts, texts, suffixes)
@example("x." * 99, "\ud800", ".json")
def test_a_name_leads_back_to_its_ids_even_where_case_is_folded(instance: str, run: str, suffix: str) -> None:
    name = bundle_file(instance, run, suffix)
    assert ids_of(name) == (instance, run)
    assert ids_of(name.upper()) == (instance, run)
    assert ids_of(as_a_sloppy_system_keeps_it(name)) == (instance, run)


@given(texts, texts, texts, texts, suffixes)
def test_two_runs_never_share_a_name(a: str, b: str, c: str, d: str, suffix: str) -> None:
    first, second = bundle_file(a, b, suffix), bundle_file(c, d, suffix)
    same = as_a_sloppy_system_keeps_it(first) == as_a_sloppy_system_keeps_it(second)
    assert same == ((a, b) == (c, d))


@given(texts, texts, texts, texts, suffixes)
def test_no_run_is_a_file_where_another_needs_a_folder(a: str, b: str, c: str, d: str, suffix: str) -> None:
    assert not bundle_file(a, b, suffix).lower().startswith(bundle_file(c, d, suffix).lower() + "/")


@given(texts, texts, suffixes)
def test_every_part_of_a_name_is_one_that_every_file_system_takes(instance: str, run: str, suffix: str) -> None:
    name = bundle_file(instance, run, suffix)
    assert name.isascii()
    assert name.endswith(suffix)
    parts = name.split("/")
    assert len(parts) >= 2
    for part in parts:
        assert 0 < len(part) <= 255
        assert re.fullmatch(r"[A-Za-z0-9\-_.+=@%,]+", part)
        assert part[0] not in ".-"
        assert part[-1] != "."
        assert not DEVICES.fullmatch(part)
    assert not parts[0].lower().startswith(("manifest.jsonl", "export-log.jsonl"))


@given(st.text("abA%,./e29" + "é", max_size=30))
def test_a_name_is_either_refused_or_the_one_of_its_ids(name: str) -> None:
    from dwctl.errors import AnswerIsNo

    try:
        instance, run = ids_of(f"{name}.json")
    except AnswerIsNo:
        return
    assert bundle_file(instance, run).lower() == f"{name}.json".lower()
