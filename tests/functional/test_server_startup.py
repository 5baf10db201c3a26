"""What `dwctl health` loads before it answers: the wire and the table, and none of the other work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from standin import serve

CHILD = """
import json, sys
before = set(sys.modules)
from dwctl.cli.main import run
code = run(sys.argv[1:])
json.dump([int(code), sorted(set(sys.modules) - before)], sys.stderr)
"""

OTHER_WORK = {"fastavro", "jsonschema", "pydantic", "msgspec", "orjson"}


@pytest.mark.parametrize("output", [(), ("--json",)], ids=["table", "json"])
def test_health_loads_only_what_it_needs(tmp_path: Path, output: tuple[str, ...]) -> None:
    with serve() as running:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, "health", "--server", running.url, *output],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
    code, loaded = json.loads(done.stderr)
    assert code == 0
    tops = {name.split(".")[0] for name in loaded}
    assert "httpx" in tops
    assert not tops & OTHER_WORK
    others = ("dwctl.bundle.verify", "dwctl.transfer", "dwctl.embedded.")
    assert not {name for name in loaded if name.startswith(others)}
    assert "dwctl.server.workflows" not in loaded
