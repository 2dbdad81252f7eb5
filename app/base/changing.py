"""Copies of frozen dataclasses with some fields changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import replace as changed
else:
    from dataclasses import replace

    def changed(item, /, **changes):
        """As `dataclasses.replace`, in a tenth of the time where the class keeps its fields in a dictionary.

        Unlike that it does not run `__post_init__`: the class must have none. A name that is no field is a TypeError.
        """
        fields = getattr(item, "__dict__", None)
        if fields is None:
            return replace(item, **changes)
        if not fields.keys() >= changes.keys():
            raise TypeError(f"{type(item).__name__} has no field {', '.join(sorted(changes.keys() - fields.keys()))}")
        copy = object.__new__(type(item))
        copy.__dict__.update(fields, **changes)
        return copy


__all__ = ["changed"]
