"""Lists as CSV, for `Accept: text/csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from app.base.clock import iso

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
NEXT_CURSOR = "X-Next-Cursor"


def wants_csv(request: Request) -> bool:
    return "text/csv" in request.headers.get("accept", "")


def csv_response(model: type[BaseModel], rows: Sequence[BaseModel], next_cursor: str | None) -> Response:
    """One line a row under the names of the fields; the cursor of the next page in `X-Next-Cursor`."""
    text = io.StringIO()
    writer = csv.writer(text)
    names = list(model.model_fields)
    writer.writerow(names)
    for row in rows:
        writer.writerow([cell(getattr(row, name)) for name in names])
    headers = {NEXT_CURSOR: next_cursor} if next_cursor is not None else {}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)


def cell(value: Any) -> str:
    """As JSON has it, without quotes; text that a spreadsheet would run as a formula begins with an apostrophe."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case datetime():
            return iso(value)
        case str() if value.startswith(FORMULA_STARTS):
            return f"'{value}"
        case _:
            return str(value)
