"""Where a stage says how far it is."""

from __future__ import annotations

from collections.abc import Callable

Log = Callable[..., None]
"""Takes what print takes."""
