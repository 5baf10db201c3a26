"""The reasons of our own for files and documents that cannot be read, judged, restored or written."""

from __future__ import annotations

from typing import Final

from dwctl.errors import ExitCode
from dwctl.server.reasons import Reason

_U, _NO, _L = ExitCode.USAGE, ExitCode.NO, ExitCode.LOCAL_STATE
_NO_DOCUMENT = "PHP would refuse it, and so does the importer"
_COPY_AGAIN = "Export the run again, and copy the file without opening it in an editor."

FILE_REASONS: Final[tuple[Reason, ...]] = (
    Reason("no_bundles", (), _U, "what was named holds no bundle", "nothing to check is no pass",
           "Name the folder that the export wrote, or the files themselves."),
    Reason("not_a_file", (), _U, "what was named is no regular file",
           "a folder, a device or a pipe has no content that can be read twice",
           "Name a file; pipe a bundle in with -."),
    Reason("unreadable", (), _U, "a file is missing, or cannot be read", "nothing is said of what was not read",
           "Check the name and the permissions."),
    Reason("too_large", (), _U, "a file is larger than what may be read",
           "a limit keeps a file that is no bundle from filling the memory",
           "Allow more with --max-bundle-size, if it is a bundle."),
    Reason("unwritable", (), _U, "a file cannot be written", "its folder is missing, read-only or full",
           "Check the folder, its permissions and the space left."),
    Reason("file_exists", (), _U, "there is a file of this name already", "nothing that was there is overwritten",
           "Choose another name, or add --force where the command has it."),
    Reason("resealed_by_dwctl", (), _U, "the file is a bundle that dwctl resealed, kept as it was sent",
           "imported as an export, nothing would say that its links were left out on a person's word",
           "Import the export itself; --resolve-links REASON leaves its links out again."),
    Reason("process_ended", (), _L, "the system ended a process that was reading bundles",
           "a machine without memory left ends what takes the most",
           "Make room in memory, or name fewer files at once, then run the same command again."),
    Reason("empty", (), _NO, "the document is empty", _NO_DOCUMENT, _COPY_AGAIN),
    Reason("not_json", (), _NO, "the document begins as no JSON does", _NO_DOCUMENT,
           "Save it as plain UTF-8 JSON, as the export command writes it."),
    Reason("invalid_utf8", (), _NO, "the document is not UTF-8", _NO_DOCUMENT, _COPY_AGAIN),
    Reason("truncated", (), _NO, "the document ends in the middle", _NO_DOCUMENT, _COPY_AGAIN),
    Reason("syntax_error", (), _NO, "the document is not JSON", _NO_DOCUMENT, _COPY_AGAIN),
    Reason("lone_surrogate", (), _NO, "the document holds half of a surrogate pair", _NO_DOCUMENT, _COPY_AGAIN),
    Reason("nested_too_deep", (), _NO, "the document is nested deeper than PHP decodes", _NO_DOCUMENT, _COPY_AGAIN),
    Reason("infinite_number", (), _NO, "the document holds a number beyond what a float can be",
           "PHP reads it as infinity, and cannot write it again", "Export the run again."),
    Reason("unexpected_shape", (), _NO, "the JSON is not laid out as a bundle or report is",
           "what is to be shown is not where it should be", "Ask `dwctl bundle verify` what is wrong with a bundle."),
    Reason("path_matches_nothing", (), _U, "no payload stands at the path that was asked for",
           "it is mistyped, or the bundle has none there", "Leave the path out: all are shown then."),
    Reason("checksum_matches", (), _NO, "the bundle's checksum is right, so there is nothing to repair",
           "a sound bundle is never rewritten", "Import it as it is."),
    Reason("no_checksum", (), _NO, "the bundle records no sha256 checksum",
           "only a recorded checksum can prove a repair", "Export the run again."),
    Reason("edited_or_damaged", (), _NO, "the content is not what its checksum was made from, and no cause is known",
           "nothing that was tried has the recorded checksum, so the document was edited or damaged",
           "Export the run again."),
    Reason("proof_failed", (), _NO, "the repaired text does not have the recorded checksum",
           "the proof held for the content and not for the text, so nothing was written",
           "Export the run again, and report this."),
)  # fmt: skip
"""In the order in which a file is met: named, read, decoded, looked into, restored."""
