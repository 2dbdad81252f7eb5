"""Every table: a module that stands here is part of the schema, on disk (by a migration) and in memory."""

from __future__ import annotations

from app.persistence.tables import keeping, paper, trading
from app.persistence.tables.base import metadata

__all__ = ["keeping", "metadata", "paper", "trading"]
