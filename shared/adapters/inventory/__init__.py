"""Which machines there are, as Azure tells."""
