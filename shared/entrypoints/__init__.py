"""Where Azure Functions calls in: decode, call one use case, encode."""
