"""What every tier shares."""

from __future__ import annotations

import hypothesis
import pytest

# Their assertions explain themselves as those in test files do.
pytest.register_assert_rewrite("tests.clients", "tests.support")

# How long an example takes says nothing on a machine that others use too, and what was found once is found again by its
# seed: no directory of examples is left behind.
hypothesis.settings.register_profile("mirror", deadline=None, database=None)
hypothesis.settings.load_profile("mirror")
