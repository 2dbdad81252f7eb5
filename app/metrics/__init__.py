"""Figures of the running process: durations, counts, and the state at a glance."""
