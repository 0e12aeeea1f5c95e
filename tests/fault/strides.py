"""How many of the calls are tried: all with `EVERY_CALL` in the environment, as for evidence, else some of them."""

import os


def every_call_or(stride: int) -> int:
    """From one call that is tried to the next."""
    return 1 if os.environ.get("EVERY_CALL") else stride
