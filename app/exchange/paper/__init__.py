"""The built-in paper exchange: a venue as strict as a real one."""
