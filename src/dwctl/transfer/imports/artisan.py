"""`--via artisan`: importing through the server's own artisan, for what HTTP cannot carry.

A small PHP text of ours, given with `-r`, reads the bundle on stdin into a private temporary file, runs
artisan on it and removes it in every case. `--namespace` is always passed: without it the run would be
invisible to the HTTP API (contract/import.md §4.7). A key never is: arguments are visible to others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dwctl.embedded.calls import Caller, CallPrintsTooMuch, CallTimedOut
from dwctl.embedded.child import PHP_RUNS, start_failure
from dwctl.embedded.remote_words import as_one_command
from dwctl.errors import DwctlError, RequestNotPossible, ServerFailed, ServerTimedOut, ServerUnreachable

_NO_FILE, _STOPPED, _DIED, _INCOMPLETE = 70, 71, 72, 73

# Artisan is watched rather than waited for: while PHP waits for a process it handles no signal, and a PHP that was
# told to stop could not remove the file. The first line on stderr tells a PHP that was never reached from one that
# ran, since docker, kubectl and ssh use exit codes that PHP uses too (255 is also a fatal error).
PHP_TEXT = " ".join(
    f"""
    fwrite(STDERR, "{PHP_RUNS}\\n");
    $path = realpath($argv[1]) ?: $argv[1]; $size = (int) $argv[2]; $arguments = array_slice($argv, 3);
    $file = false; $process = null;
    register_shutdown_function(static function () use (&$file, &$process) {{
      if (is_resource($process)) {{ proc_terminate($process); }}
      if ($file !== false) {{ @unlink($file); }}
    }});
    if (function_exists('pcntl_async_signals')) {{
      pcntl_async_signals(true);
      foreach ([SIGINT, SIGTERM, SIGHUP] as $signal) {{
        pcntl_signal($signal, static function () {{ exit({_STOPPED}); }});
      }}
    }}
    $file = tempnam(sys_get_temp_dir(), 'dwctl-');
    if ($file === false || ! chmod($file, 0600)) {{ exit({_NO_FILE}); }}
    $target = fopen($file, 'wb');
    if ($target === false) {{ exit({_NO_FILE}); }}
    if (stream_copy_to_stream(STDIN, $target) !== $size || ! fclose($target)) {{ exit({_INCOMPLETE}); }}
    $limit = 'memory_limit='.ini_get('memory_limit');
    $command = [PHP_BINARY, '-d', $limit, $path.'/artisan', 'workflow:v2:history-import', $file];
    $streams = [0 => ['file', '/dev/null', 'r'], 1 => STDOUT, 2 => STDERR];
    $process = proc_open(array_merge($command, $arguments), $streams, $pipes, $path);
    if (! is_resource($process)) {{ exit({_NO_FILE}); }}
    do {{ usleep(10000); $status = proc_get_status($process); }} while ($status['running']);
    $process = null;
    exit(in_array($status['exitcode'], [0, 1], true) ? $status['exitcode'] : {_DIED});
    """.split()
)
"""Arguments: the application's path, the bundle's size in bytes, the options of the artisan command.

One line, so that any remote shell takes it. Exits with artisan's 0 or 1, or with a code of its own.
"""


@dataclass(frozen=True, slots=True)
class ArtisanServer:
    """How to reach the server's PHP: `php` is an argument list, `path` where artisan stands; `timeout` in seconds.

    `environment` is what the command inherits; None for that of this process.
    """

    php: tuple[str, ...]
    path: str
    timeout: float = 300.0
    environment: Mapping[str, str] | None = field(default=None, repr=False)


def artisan_command(
    server: ArtisanServer, *, size: int, namespace: str, dry_run: bool, import_id: str, require_signature: bool
) -> list[str]:
    """The argument list to run for a bundle of `size` bytes. Behind `ssh` it is quoted for the remote shell."""
    options = ["--json", f"--namespace={namespace}", f"--import-id={import_id}"]
    if dry_run:
        options.append("--dry-run")
    if require_signature:
        options.append("--require-signature")
    return as_one_command([*server.php, "-r", PHP_TEXT, "--", server.path, str(size), *options])


def import_via_artisan(server: ArtisanServer, bundle: bytes, command: Sequence[str]) -> Mapping[str, Any]:
    """Run the command with the bundle on stdin and return the import report.

    Raises RequestNotPossible where nothing was started, and another domain error where there is no report: then
    what artisan did is not known. What it printed is not shown: it may hold business data.
    """
    try:
        ended = Caller().call(command, timeout=server.timeout, environment=server.environment, given=bundle)
    except (OSError, ValueError) as error:
        raise RequestNotPossible(
            start_failure(command, error), where="server.php",
            next_step="Set server.php to the words that run PHP on the server, such as docker compose exec.",
            reason="php_not_started",
        ) from None  # fmt: skip
    except CallTimedOut:
        raise ServerTimedOut(
            f"artisan did not end within {server.timeout:g} seconds", where="server.php",
            next_step="Run the same command again: an import that was done answers already_imported.",
            reason="artisan_timeout",
        ) from None  # fmt: skip
    except CallPrintsTooMuch:
        raise ServerFailed(
            "artisan printed without end, and was stopped", where="server.php", next_step=_BY_HAND,
            reason="artisan_without_report",
        ) from None  # fmt: skip
    report = find_report(ended.output)
    if report is None:
        raise _no_report(ended.code, ended.output, ended.errors)
    return report


def find_report(output: bytes) -> Mapping[str, Any] | None:
    """The import report among what artisan printed; noise around it, such as deprecations, is passed over."""
    text = output.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        if isinstance(found, dict) and isinstance(found.get("status"), str) and "eligibility" in found:
            return found
        start = text.find("{", end)
    return None


def _no_report(code: int, output: bytes, errors: bytes) -> DwctlError:
    if code != 0 and PHP_RUNS.encode() not in output + errors:
        # PHP was not reached, so what stands on stderr is docker's, kubectl's or ssh's, not the application's.
        lines = [line for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
        said = f": {lines[-1].strip()[:200]}" if lines else ""
        return ServerUnreachable(
            f"the server's PHP was not reached (exit code {code}){said}", where="server.php",
            next_step="Try the words of server.php followed by -v in a shell.", reason="php_not_reached",
        )  # fmt: skip
    if b"Could not open input file" in output + errors:
        return ServerFailed(
            "there is no artisan on the server at this path", where="server.path",
            next_step="Set server.path to the folder of the server's artisan.", reason="artisan_missing",
        )  # fmt: skip
    what, step = _FAULTS.get(code, (f"artisan printed no import report (exit code {code})", _BY_HAND))
    return ServerFailed(what, where="server.php", next_step=step, reason="artisan_without_report")


_BY_HAND = "Run workflow:v2:history-import by hand on the server; what it prints may be business data."
_FAULTS: Mapping[int, tuple[str, str]] = {
    _NO_FILE: (
        "PHP on the server could not write a temporary file, or not start artisan",
        "Look at the permissions and the space of its temporary folder.",
    ),
    _STOPPED: ("PHP on the server was told to stop before artisan had ended", "Run the same command again."),
    _DIED: ("artisan died on the server without an import report", _BY_HAND),
    _INCOMPLETE: (
        "the bundle did not arrive whole at the server's PHP",
        "server.php must pass stdin on (docker exec -i, kubectl exec -i); its temporary folder must have space.",
    ),
}
"""What an exit code of our PHP text means, and what to do."""
