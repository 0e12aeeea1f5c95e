"""`make serve`: the app kept running on this machine, with its state, its address and its clock."""
