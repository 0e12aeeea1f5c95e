"""`python -m localhost`: Muster on one machine."""

import sys

from localhost.command_line import main

if __name__ == "__main__":
    sys.exit(main())
