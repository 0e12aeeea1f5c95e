"""The checker as a command: what is stored and what the machines' own log shows, against the invariants."""
