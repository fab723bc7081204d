"""What every tier shares."""

from __future__ import annotations

import pytest

# Their assertions explain themselves as those in test files do.
pytest.register_assert_rewrite("tests.clients", "tests.support")
