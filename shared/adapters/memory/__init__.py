"""Verified fakes: the same ports without a network, held to the same contract tests as the real ones."""
