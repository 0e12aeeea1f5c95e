"""The schedule of a timer trigger: NCRONTAB with six fields, or five without seconds, in UTC.

1. Fields are second, minute, hour, day, month, weekday (0 to 6, Sunday is 0); names of months and weekdays are allowed.
2. *All* fields must match: a restricted day and a restricted weekday together mean "and". Unix cron means "or" there,
   and so does the library that reckons here, so such a schedule is refused instead of misread.
3. `7` for Sunday, `L`, `W`, `#` and `?` exist in other dialects only and are refused; so is a TimeSpan.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

from cronsim import CronSim, CronSimError

_WORD = r"(?:[0-9]{1,2}|[a-z]{3})"
_TERM = rf"(?:\*|{_WORD}(?:-{_WORD})?)(?:/[0-9]{{1,2}})?"
_FIELD = re.compile(rf"{_TERM}(?:,{_TERM})*", re.IGNORECASE)
_OFTEN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Ncrontab:
    """One schedule; ValueError when it is none, or one whose meaning would differ here."""

    text: str

    def __post_init__(self) -> None:
        fields = self.text.split()
        if len(fields) not in (5, 6) or not all(map(_FIELD.fullmatch, fields)):
            raise ValueError(f"{self.text!r} is not NCRONTAB with five or six fields")
        day, weekday = fields[-3], fields[-1]
        if "7" in re.split("[,/-]", re.sub("/[0-9]+", "", weekday)):
            raise ValueError(f"{self.text!r}: NCRONTAB's weekdays are 0 to 6, Sunday is 0")
        if not day.startswith("*") and not weekday.startswith("*"):
            raise ValueError(f"{self.text!r}: a day with a weekday is not supported here")
        try:
            CronSim(self.text, datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise ValueError(f"{self.text!r} is not NCRONTAB: {error}") from error

    def next_after(self, instant: datetime) -> datetime:
        """The first occurrence after *instant*."""
        return next(CronSim(self.text, instant))

    def often(self) -> bool:
        """Whether it can fire more than once a minute, which makes the host keep no status of it."""
        occurrences = islice(CronSim(self.text, datetime(2000, 1, 1, tzinfo=UTC)), 6)
        return any(later - sooner < _OFTEN for sooner, later in pairwise(occurrences))
