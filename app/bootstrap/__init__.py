"""The composition root: builds every object once, and orders start and stop."""
