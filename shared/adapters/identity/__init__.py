"""Who calls over HTTP: found out in one of three ways, each an `Authentication`; the settings choose which."""
