"""A campaign of seeded faults: the product against a simulated Azure that misbehaves, and the checker afterwards."""
