"""What implements the ports: storage, inventories, ways of patching, the clock."""
