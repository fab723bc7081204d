"""A list as an upstream gave it, noted as text, with when that was. What the text means is for who has noted it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Listing:
    """`checked`: when the upstream was asked for it; `failed`: the last try in vain since (0: none). Wall clock."""

    text: str
    checked: float
    failed: float = 0.0

    @classmethod
    def of(cls, fact: dict[str, Any]) -> Self | None:
        """The listing that a fact holds, or None where it holds something else."""
        match fact:
            case {"text": str(text), "checked": int() | float() as checked, "failed": int() | float() as failed}:
                return cls(text, checked, failed)
        return None
