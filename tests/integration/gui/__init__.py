"""The window over the real engine, on the real loop."""
