"""Tables and trees as Qt models: columns as data, row-level changes."""
