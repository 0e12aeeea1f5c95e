"""Looking at machines, installing on them, and what became of it, by resource type."""
