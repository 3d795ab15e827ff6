"""`python -m resnet_edu`, or `resnet-edu`: what it can do stands in `commands`.

Exit codes: 0 done; 1 it could not be done, and the line on stderr says why; 2 the command line
is wrong; 3 stopped because the time was up; 130 and 143 stopped by Ctrl-C and by SIGTERM. What was
stopped goes on when the same command is given again.
"""

import argparse
import io
import signal
import sys
import warnings

from . import __version__
from .commands import FAILED, data, evaluate, predict, records, trace, train
from .streams import give_up, note, open_all

COMMANDS = (trace, train, evaluate, predict, data, records)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    open_all()
    if isinstance(sys.stdout, io.TextIOWrapper):  # "×" where the terminal knows no such sign
        sys.stdout.reconfigure(errors="replace")
    parser = _parser()
    options = parser.parse_args(arguments)
    if "check" in options:
        try:
            options.check(options)
        except ValueError as error:
            parser.error(str(error))
    try:
        with warnings.catch_warnings():
            warnings.showwarning = note
            code = options.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `resnet-edu records | head` has seen enough
        give_up(sys.stdout)
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        print("resnet-edu: interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError, ArithmeticError) as error:
        print(f"resnet-edu: {error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="resnet-edu",
        description="The residual networks of He et al. (2015) for small pictures: "
        "look inside them, train them, test them.",
        epilog="Exit codes: 0 done, 1 could not be done, 2 wrong command line, 3 time was up, "
        "130 and 143 stopped by Ctrl-C and by SIGTERM.",
    )
    parser.add_argument("--version", action="version", version=f"resnet-edu {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
