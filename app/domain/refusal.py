"""A rule's no, with its reason in words a trader understands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """`code` is stable and machine-readable, `detail` a sentence with the numbers that decided."""

    code: str
    detail: str
