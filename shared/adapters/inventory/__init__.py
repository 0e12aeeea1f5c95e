"""Which machines there are, as Azure and the registry of servers tell."""
