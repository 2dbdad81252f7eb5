"""Real exchanges, all through ccxt; what differs between them is a dialect."""
