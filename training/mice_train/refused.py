"""What a user can put right."""

from __future__ import annotations


class Refused(Exception):
    """The message says what was found and what is accepted; it is shown without a traceback."""
