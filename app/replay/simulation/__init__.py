"""Random scenarios, played and judged; a failing one is made small."""
