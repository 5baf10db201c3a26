"""Stands in for the PHP application's artisan in `make rehearse`: it answers the one command that exports a run.

    python artisan.py workflow:v2:history-export [--run] -- ID

ID is an instance, or with --run a run; the answer is the bundle of `bundles/` that the real command wrote, byte for
byte. Any other command is refused, as artisan refuses what it does not know.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

EXPORT = "workflow:v2:history-export"
BUNDLES = Path(__file__).parent / "bundles"


def exported(target: str, *, by_run: bool) -> bytes | None:
    """The bundle of a run, or of the current run of an instance; None where there is none."""
    for path in sorted(BUNDLES.glob("*.json")):
        content = path.read_bytes()
        workflow = json.loads(content)["workflow"]
        if by_run and workflow["run_id"] == target:
            return content
        if not by_run and workflow["instance_id"] == target and workflow["is_current_run"]:
            return content
    return None


def main(words: list[str]) -> int:
    """Print what was asked for; returns the exit code."""
    if not words or words[0] != EXPORT or "--" not in words[:-1]:
        sys.stderr.write(f'Command "{" ".join(words[:1])}" is not defined: this stands in for {EXPORT} alone.\n')
        return 1
    bundle = exported(words[-1], by_run="--run" in words)
    if bundle is None:
        sys.stderr.write(f"Workflow run [{words[-1]}] not found.\n")
        return 1
    sys.stdout.buffer.write(bundle)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
