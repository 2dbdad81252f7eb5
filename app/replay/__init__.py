"""The real engine under virtual time: scenarios, their runner, their report."""
