"""The entry point and the one error boundary of the program: it decides what is said and the exit code."""

from __future__ import annotations

import errno
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
    except KeyboardInterrupt:
        sys.stderr.write("dwctl: interrupted.\n")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, so it does not have the answer.
        _let_go_of_stdout()
        return ExitCode.NO
    except OSError as error:
        return _output_lost(error)


def _run(arguments: Sequence[str]) -> int:
    """Raises KeyboardInterrupt, and an OSError where standard output can no longer be written to; nothing else."""
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
    except typer.TyperException as error:
        return _usage_error(error)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else ExitCode.NO
    except Exception as error:
        if isinstance(error, OSError) and _is_of_the_output(error):
            raise
        return _unexpected(error)
    return int(result or 0)


def _is_of_the_output(error: OSError) -> bool:
    """Whether it came of writing to standard output: what we write elsewhere has a name, or is told otherwise."""
    return isinstance(error, BrokenPipeError) or (error.filename is None and error.errno in _UNWRITABLE)


_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def _output_lost(error: OSError) -> int:
    """Say that the output is not whole, on stderr, whatever format was wanted."""
    from dwctl.cli import output
    from dwctl.errors import LocalStateError

    _let_go_of_stdout()
    output.current.streaming = True
    lost = LocalStateError(
        f"the output cannot be written: {error.strerror or error}", where="standard output",
        next_step="Make room, or send the output elsewhere; what the command was to do besides may be done.",
        reason="output_lost",
    )  # fmt: skip
    output.report_error(lost)
    return lost.exit_code


def _let_go_of_stdout() -> None:
    """Let what is still to be written vanish: the end of the process must not fail at it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
