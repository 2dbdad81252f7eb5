"""The rules of trading as pure functions: no I/O, no clock, no randomness, no logger."""
