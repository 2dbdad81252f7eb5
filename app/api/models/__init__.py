"""What the private API takes and gives."""

from app.api.models.engine import Status
from app.api.models.trading import Position

__all__ = ["Position", "Status"]
