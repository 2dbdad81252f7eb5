"""The database: one writer, read-only queries, migrations. The only room that speaks SQL."""
