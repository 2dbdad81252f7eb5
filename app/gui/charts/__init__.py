"""Charts in the theme's colours."""
