"""`python -m localhost`: Muster on one machine."""

import io
import sys

_INTERRUPTED = 130


def run() -> int:
    """The exit code of the command line."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that knows no bars still gets its sentences.
        sys.stdout.reconfigure(errors="replace")
    try:
        # Takes a second, in which somebody may already have changed their mind.
        from localhost.command_line import main
    except KeyboardInterrupt:
        return _INTERRUPTED
    return main()


if __name__ == "__main__":
    sys.exit(run())
