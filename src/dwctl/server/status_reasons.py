"""What an answer says that has a status and no reason: mostly of a proxy or a web server in front of the server."""

from __future__ import annotations

from typing import Final

from dwctl.errors import ExitCode
from dwctl.server.reasons import Reason

_U, _S, _T = ExitCode.USAGE, ExitCode.SERVER, ExitCode.TIMEOUT
_WHY: Final = "the server names a reason with its refusals, so something in front of it may have answered"
_LOOK: Final = "Look at what stands in front of the server, then at the server's log."
_WHICH_ROLE: Final = "Run `dwctl doctor` to see which token was sent, and look at what stands in front of the server."
_LATER: Final = "Run the same command again when the server is ready; what stands in front of it has a log, too."


def _row(status: int, code: ExitCode, meaning: str, fix: str, why: str = _WHY) -> Reason:
    return Reason(f"http_{status}", (status,), code, meaning, why, fix)


STATUS_REASONS: Final[tuple[Reason, ...]] = (
    _row(400, _U, "the request was refused with 400, and no reason was given", _LOOK),
    _row(401, ExitCode.AUTH, "the request was refused with 401, and no reason was given", _WHICH_ROLE),
    _row(403, ExitCode.AUTH, "the request was refused with 403, and no reason was given", _WHICH_ROLE),
    _row(404, ExitCode.NOT_FOUND, "there is nothing at this place (404), and no reason was given",
         "Check the server's URL, and what stands in front of it."),
    _row(405, _U, "the method was refused with 405, and no reason was given", _LOOK),
    _row(408, _T, "the request was given up with 408, and no reason was given", _LATER,
         "what the server did with it is unknown until it is asked"),
    _row(409, _U, "the request was refused with 409, and no reason was given", _LOOK),
    _row(413, _U, "the request was refused as too large (413), and no reason was given",
         "Import it with --via artisan, or raise DW_MAX_PAYLOAD_BYTES on the server and the limit of its proxy.",
         "a proxy has a limit of its own, beside the server's; the same request is refused again"),
    _row(415, _U, "the body's media type was refused with 415, and no reason was given", _LOOK),
    _row(422, _U, "the request was refused with 422, and no reason was given", _LOOK),
    _row(429, _U, "there were too many requests (429), and no reason was given",
         "Run the same command again later; an import takes --jobs and --rate to ask for less.",
         "the server, or what stands in front of it, limits how many it takes"),
    _row(500, _S, "the server failed with 500, and no reason was given", "Read the server's log."),
    _row(502, _S, "a gateway had no answer of the server (502)", _LATER, "the server may have carried it out"),
    _row(503, _S, "the server is not available (503), and no reason was given", _LATER,
         "it is starting, stopping or overloaded, or nothing is behind the gateway"),
    _row(504, _S, "a gateway waited for the server in vain (504)", _LATER, "the server may still be at work on it"),
)  # fmt: skip
"""In the order of their statuses."""

REASON_OF_STATUS: Final = {row.statuses[0]: row for row in STATUS_REASONS}
