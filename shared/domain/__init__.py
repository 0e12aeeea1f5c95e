"""The rules of scheduled patching, pure: no clock, no await, no logging, no environment."""
