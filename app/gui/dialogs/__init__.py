"""Sheets: child widgets over the window, opened without a nested loop."""
