"""The command line (api.md)."""
