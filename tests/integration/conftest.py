"""What tests of the whole mirror have around them where it speaks TLS."""

from __future__ import annotations

from tests.support.trust import authority

__all__ = ["authority"]
