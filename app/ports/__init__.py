"""Protocols through which the rooms meet."""
