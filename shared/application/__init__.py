"""The use cases: each takes the ports it needs as `Services` and the caller where somebody asked for it."""
