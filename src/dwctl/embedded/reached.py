"""Telling a docker, kubectl or ssh that failed from an application that failed.

Their exit codes are used by PHP too (255 is a fatal error, 1 is artisan's own), so what they say counts as well.
"""

from __future__ import annotations

import re
from typing import Final

_NEVER_PHP: Final = {125, 126, 127}
"""What docker and shells end with where they could not start the command; PHP does not use these."""

_NOT_REACHED: Final = re.compile(
    rb"""^\s*(?:
        ssh:\ | kex_exchange_identification | Host\ key\ verification\ failed | ssh_exchange_identification
      | .*Permission\ denied\ \((?:publickey|password|keyboard|gssapi|hostbased)
      | Connection\ (?:closed|reset|to\ \S+\ (?:closed|timed\ out))
      | client_loop:\ | packet_write_wait:\ | Timeout,\ server\ \S+\ not\ responding
      | (?:error|Error)(?:\ response)?\ from\ (?:daemon|server) | error:\ (?:unable\ to|You\ must\ be\ logged|no\ )
      | error\ during\ connect | .*Cannot\ connect\ to\ the\ Docker\ daemon | .*docker\ daemon\ socket
      | (?:Error:\ )?No\ such\ (?:container|service) | (?:Error:\ )?no\ such\ service
      | service\ "?[^"]*"?\ is\ not\ running | (?:Error:\ )?no\ (?:container|configuration\ file)
      | (?:.*:\ )?OCI\ runtime | (?:The|Unable\ to)\ connect(?:ion)?\ to\ the\ server
      | the\ input\ device\ is\ not\ a\ TTY
      | command\ terminated\ with\ exit\ code\ (?:126|127)
    )""",
    re.MULTILINE | re.VERBOSE,
)


def was_not_reached(code: int, output: bytes, errors: bytes) -> bool:
    """Whether a call that gave nothing failed before PHP ran: by its exit code, or by what docker or ssh says."""
    if code == 0:
        return False
    return code in _NEVER_PHP or bool(_NOT_REACHED.search(errors) or _NOT_REACHED.search(output))
