"""`--via artisan`: importing through the server's own artisan, for what HTTP cannot carry.

A small PHP text of ours, given with `-r`, reads the bundle on stdin into a private temporary file, runs
artisan on it and removes it in every case. `--namespace` is always passed: without it the run would be
invisible to the HTTP API (contract/import.md §4.7). A key never is: arguments are visible to others.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dwctl.errors import RequestNotPossible, ServerFailed, ServerTimedOut, ServerUnreachable

PHP_TEXT = """
$path = $argv[1]; $arguments = array_slice($argv, 2);
$file = tempnam(sys_get_temp_dir(), 'dwctl-');
if ($file === false) { fwrite(STDERR, "no temporary file\\n"); exit(70); }
register_shutdown_function(static function () use ($file) { @unlink($file); });
if (function_exists('pcntl_async_signals')) {
    pcntl_async_signals(true);
    foreach ([SIGINT, SIGTERM, SIGHUP] as $signal) { pcntl_signal($signal, static function () { exit(71); }); }
}
chmod($file, 0600);
$target = fopen($file, 'wb');
if (stream_copy_to_stream(STDIN, $target) === false || ! fclose($target)) { exit(70); }
$command = array_merge([PHP_BINARY, $path.'/artisan', 'workflow:v2:history-import', $file], $arguments);
$process = proc_open($command, [0 => ['file', '/dev/null', 'r'], 1 => STDOUT, 2 => STDERR], $pipes, $path);
exit(is_resource($process) ? proc_close($process) : 70);
"""
"""Arguments: the application's path, then the options of the artisan command. Exits with artisan's code."""


@dataclass(frozen=True, slots=True)
class ArtisanServer:
    """How to reach the server's PHP: `php` is an argument list, `path` where artisan stands; `timeout` in seconds."""

    php: tuple[str, ...]
    path: str
    timeout: float = 300.0


def artisan_command(
    server: ArtisanServer, *, namespace: str, dry_run: bool, import_id: str | None, require_signature: bool
) -> list[str]:
    """The argument list to run. Behind `ssh` every word is quoted: the remote side is a shell."""
    options = ["--json", f"--namespace={namespace}"]
    if dry_run:
        options.append("--dry-run")
    if import_id is not None:
        options.append(f"--import-id={import_id}")
    if require_signature:
        options.append("--require-signature")
    words = [*server.php, "-r", PHP_TEXT, "--", server.path, *options]
    if words[0] == "ssh" or words[0].endswith("/ssh"):
        # Options and host stand before the remote command, and are words of ssh itself; quoting leaves plain
        # words as they are.
        return [words[0], *(shlex.quote(word) for word in words[1:])]
    return words


def import_via_artisan(server: ArtisanServer, bundle: bytes, command: Sequence[str]) -> Mapping[str, Any]:
    """Run the command with the bundle on stdin and return the import report.

    Raises a domain error where there is no report: the command is missing, hangs, or prints something else.
    What it printed is not shown: it may hold business data.
    """
    try:
        finished = subprocess.run(  # noqa: S603 - an argument list from the settings, never a shell
            list(command), input=bundle, capture_output=True, timeout=server.timeout, check=False
        )
    except FileNotFoundError:
        raise RequestNotPossible(
            f"the command {command[0]} is not there", where="server.php",
            next_step="Set server.php to the words that run PHP on the server, such as docker compose exec.",
        ) from None  # fmt: skip
    except PermissionError:
        raise RequestNotPossible(f"the command {command[0]} may not be run", where="server.php") from None
    except subprocess.TimeoutExpired:
        raise ServerTimedOut(
            f"artisan did not end within {server.timeout:g} seconds; what it did is unknown", where="server.php",
            next_step="Run the same command again: an import that was done answers already_imported.",
            reason="artisan_timeout",
        ) from None  # fmt: skip
    report = find_report(finished.stdout)
    if report is None:
        raise _no_report(finished)
    return report


def find_report(output: bytes) -> Mapping[str, Any] | None:
    """The import report among what artisan printed; noise around it, such as deprecations, is passed over."""
    text = output.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            found, end = decoder.raw_decode(text, start)
        except ValueError:
            start = text.find("{", start + 1)
            continue
        if isinstance(found, dict) and isinstance(found.get("status"), str) and "eligibility" in found:
            return found
        start = text.find("{", end)
    return None


# Exit codes of docker, kubectl, ssh and the shell, not of PHP: what stands on stderr is theirs, not the application's.
_NOT_REACHED = frozenset({125, 126, 127, 255})


def _no_report(finished: subprocess.CompletedProcess[bytes]) -> ServerFailed | ServerUnreachable:
    if finished.returncode in _NOT_REACHED:
        lines = [line for line in finished.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        said = f": {lines[-1][:200]}" if lines else ""
        return ServerUnreachable(
            f"the server's PHP was not reached (exit code {finished.returncode}){said}", where="server.php",
            next_step="Try the words of server.php followed by -v in a shell.", reason="artisan_unreachable",
        )  # fmt: skip
    if b"Could not open input file" in finished.stdout + finished.stderr:
        return ServerFailed(
            "there is no artisan on the server at this path", where="server.path",
            next_step="Set server.path to the folder of the server's artisan.", reason="artisan_missing",
        )  # fmt: skip
    return ServerFailed(
        f"artisan printed no import report (exit code {finished.returncode})", where="server.php",
        next_step="Run artisan's workflow:v2:history-import by hand on the server; it may print business data.",
        reason="artisan_without_report",
    )  # fmt: skip
