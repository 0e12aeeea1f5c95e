"""A local Azure: a simulation of the few operations that patching needs, for one machine and for tests."""
