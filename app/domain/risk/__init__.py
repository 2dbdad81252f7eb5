"""Pre-trade checks: each a function with its code and sentence, run in order by one place."""
