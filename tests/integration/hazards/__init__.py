"""What has gone wrong elsewhere (docs/hazards.md), tried on the whole engine."""
