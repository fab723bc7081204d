"""What every test against mirrors and upstreams by the hundred has around it."""

from __future__ import annotations

from tests.support.trust import few_authorities, stranger

__all__ = ["few_authorities", "stranger"]
