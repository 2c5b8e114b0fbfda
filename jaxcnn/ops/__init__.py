"""Pure functions over arrays; what differs between CPU, GPU and TPU is decided here alone."""
