"""What every room may lean on: clock, ids, errors, secret, logging, configuration."""
