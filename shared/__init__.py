"""Muster patches machines on schedule, chosen at run time by dynamic scopes."""
