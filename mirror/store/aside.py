"""Sets aside what has taken the place of something of ours, so that it can be looked at and is in nobody's way."""

from __future__ import annotations

import shutil
from pathlib import Path


def set_aside(path: Path) -> None:
    """Call it `<name>.broken`, in the place of what was called so before. Raises OSError.

    A link of that name is not ours, and nothing is done to where it leads.
    """
    aside = path.with_name(f"{path.name}.broken")
    if aside.is_file() and not aside.is_symlink():
        aside.unlink()
    else:
        shutil.rmtree(aside, ignore_errors=True)
    path.rename(aside)
