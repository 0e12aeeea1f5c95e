"""How servers on premises are reached: connections, keys, and commands that run there detached."""
