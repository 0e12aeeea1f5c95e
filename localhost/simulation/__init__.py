"""The whole app on a virtual clock in one process, seeded: everything that can go wrong does, and the checker looks."""
