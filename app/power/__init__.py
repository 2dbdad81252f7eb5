"""Keeps this computer from falling asleep while positions are open."""
