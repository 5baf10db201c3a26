"""What a child said: enough for a person, and no data; and who it was that failed."""

from __future__ import annotations

import pytest

from dwctl.embedded.reached import was_not_reached
from dwctl.embedded.said import said, with_said


def test_the_first_and_last_lines_are_shown_and_the_rest_is_left_out() -> None:
    lines = "\n\n".join(f"  line {number} " for number in range(20)).encode()
    assert said(lines) == "line 0 | line 1 | line 2 | line 3 | ... | line 18 | line 19"
    assert said(b"x" * 1000) == "x" * 240 + "..."
    assert said(b"\xff\n") == "�"


def test_our_own_line_is_not_what_it_said() -> None:
    assert said(b"dwctl: PHP runs\nFatal\n") == "Fatal"
    assert with_said("it failed", b"dwctl: PHP runs\n") == "it failed"


def test_of_stdout_only_faults_are_shown_and_never_data() -> None:
    output = b'hello\nRun not found.\n{"error": "secret payload"}\nError: [payload]\n'
    assert said(b"", output) == "Run not found."
    assert said(b"on stderr", output) == "on stderr"
    assert said(b"", b"all is well") == ""


@pytest.mark.parametrize(
    ("code", "errors"),
    [
        (1, b'service "app" is not running'),
        (1, b"Error response from daemon: No such container: app"),
        (1, b"Error: No such container: app"),
        (1, b"no configuration file provided: not found"),
        (1, b"Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"),
        (1, b'Error from server (NotFound): pods "app" not found'),
        (1, b"Unable to connect to the server: dial tcp: lookup k8s: no such host"),
        (1, b"error: unable to upgrade connection: container not found"),
        (255, b"ssh: connect to host h port 22: Connection refused"),
        (255, b"ssh: Could not resolve hostname h: Name or service not known"),
        (255, b"deploy@host: Permission denied (publickey)."),
        (255, b"Host key verification failed."),
        (255, b"noise\nkex_exchange_identification: Connection closed by remote host"),
        (1, b"the input device is not a TTY"),
        (125, b""),
        (126, b""),
        (127, b"bash: php: command not found"),
        (126, b'OCI runtime exec failed: exec failed: "php": executable file not found in $PATH'),
    ],
)
def test_a_way_that_failed_is_told_from_an_application_that_failed(code: int, errors: bytes) -> None:
    assert was_not_reached(code, b"", errors)
    assert was_not_reached(code, errors, b"")


@pytest.mark.parametrize(
    ("code", "errors"),
    [
        (0, b'service "app" is not running'),
        (1, b"SQLSTATE[HY000] [2002] Connection refused (Connection: mysql)"),
        (1, b"Workflow run [x] not found."),
        (1, b"In Connection.php line 829: Access denied"),
        (255, b"PHP Fatal error:  Uncaught Error"),
        (-9, b""),
        (1, b""),
    ],
)
def test_an_application_that_failed_is_not_called_unreached(code: int, errors: bytes) -> None:
    assert not was_not_reached(code, b"", errors)
