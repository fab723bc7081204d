"""What every test of an upstream's faults has around it."""

from __future__ import annotations

from tests.support.trust import few_authorities, stranger

__all__ = ["few_authorities", "stranger"]
