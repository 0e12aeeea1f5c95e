"""Evidence that schedules fall where calendars and clocks say: two references, and what Muster makes of the same."""
