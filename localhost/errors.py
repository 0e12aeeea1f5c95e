"""The error that the command line prints as it is."""


class LocalhostError(Exception):
    """Why it can't start or go on, and what to do: one sentence for the user."""
