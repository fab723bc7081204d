"""A blob that somebody has open, readable whatever becomes of its name. Knows not whether it may be trusted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

from mirror.oci.digest import Digest


@dataclass(frozen=True, slots=True)
class OpenBlob:
    """An open file that was whole when it was opened. It stays readable through deletion (S5); its holder closes it."""

    digest: Digest
    size: int
    descriptor: int

    def close(self) -> None:
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
