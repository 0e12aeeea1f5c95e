"""What the systems' own package managers are asked and told: facts, operations, and pure parsers of their answers."""
