"""How servers on premises are patched: over SSH, by their own package managers."""
