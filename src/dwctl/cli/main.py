"""The entry point and the one error boundary of the program: it decides what is said and the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from dwctl import __version__
from dwctl.errors import DwctlError, ExitCode, own_lines


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; prints, but never raises and never exits."""
    try:
        return _run(arguments)
    except BrokenPipeError:
        # The reader of our output has gone, so it does not have the answer. Keep the exit from failing again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.NO


def _run(arguments: Sequence[str]) -> int:
    if list(arguments) in (["--version"], ["-V"]):
        sys.stdout.write(f"dwctl {__version__}\n")
        sys.stdout.flush()
        return ExitCode.DONE

    import typer

    from dwctl.cli import output
    from dwctl.cli.app import app

    output.begin(arguments)
    try:
        result = app(args=list(arguments), prog_name="dwctl", standalone_mode=False)
        sys.stdout.flush()
    except DwctlError as error:
        output.report_error(error)
        return error.exit_code
    except typer.Abort:
        output.say("dwctl: stopped; nothing was changed after the question.")
        return ExitCode.INTERRUPTED
    except KeyboardInterrupt:
        output.say("dwctl: interrupted.")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except typer.TyperException as error:
        return _usage_error(error)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else ExitCode.NO
    except Exception as error:
        return _unexpected(error)
    return int(result or 0)


def _usage_error(error: Exception) -> int:
    """Show what typer says of a command line that cannot be parsed."""
    from dwctl.cli import output
    from dwctl.errors import RequestNotPossible

    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "dwctl"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(message + "\n")
        return ExitCode.USAGE
    output.report_error(
        RequestNotPossible(" ".join(message.split()).rstrip("."), next_step=f"See '{command} --help'.", reason="usage")
    )
    return ExitCode.USAGE


def _unexpected(error: Exception) -> int:
    """Say that dwctl itself is at fault; the details only on request, since they may hold business data."""
    import traceback

    from dwctl.cli import output

    if os.environ.get("DWCTL_TRACEBACK"):
        traceback.print_exception(error)
    own = own_lines(error)
    output.report_error(
        DwctlError(
            f"this is a bug in dwctl: {type(error).__name__} at {own[-1] if own else 'an unknown place'}",
            next_step="Run the same command with DWCTL_TRACEBACK=1 for the details, and report them.",
            reason="internal_error",
        )
    )
    return ExitCode.NO
