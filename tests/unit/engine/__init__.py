"""The engine's parts by themselves."""
