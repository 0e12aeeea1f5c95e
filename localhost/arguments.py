"""Values as they stand on the command line.

A function's name is what argparse calls a value that is none: `invalid share value: 'x'`.
"""

from argparse import ArgumentTypeError
from datetime import timedelta
from urllib.parse import urlsplit

from localhost.azurite import Ports

_FASTEST = 100_000


def count(text: str) -> int:
    """A number of machines."""
    if (number := int(text)) < 1:
        raise ArgumentTypeError("at least 1")
    return number


def share(text: str) -> float:
    """A share of cases."""
    if not 0 <= (number := float(text)) <= 1:
        raise ArgumentTypeError("a share is a number from 0 to 1")
    return number


def speed(text: str) -> float:
    """Virtual seconds per real second."""
    if not 0 < (number := float(text)) <= _FASTEST:
        raise ArgumentTypeError(f"a speed is above 0 and at most {_FASTEST}")
    return number


def address(text: str) -> str:
    """The address of an HTTP service, without a slash at its end."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ArgumentTypeError("an address such as https://management.azure.com")
    return text.rstrip("/")


def ports(text: str) -> Ports:
    """`QUEUE:TABLE`, 0 being any free one."""
    queue, _, table = text.partition(":")
    return Ports(queue=int(queue), table=int(table))


def minutes(text: str) -> tuple[timedelta, timedelta]:
    """`A:B`, or `A` for both."""
    shortest, _, longest = text.partition(":")
    first, last = timedelta(minutes=float(shortest)), timedelta(minutes=float(longest or shortest))
    if not timedelta() <= first <= last:
        raise ArgumentTypeError("A:B in minutes, A not above B")
    return first, last
