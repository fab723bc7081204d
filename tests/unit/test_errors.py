"""The table of codes and the tree of errors: what a client hears of each."""

from __future__ import annotations

import ast
import inspect

import pytest

from mirror import errors
from mirror.errors import Code, ConfigurationError, MirrorError

SPECIFICATION = {  # https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
    "BLOB_UNKNOWN": 404,
    "DIGEST_INVALID": 400,
    "MANIFEST_UNKNOWN": 404,
    "NAME_INVALID": 400,
    "NAME_UNKNOWN": 404,
    "UNAUTHORIZED": 401,
    "DENIED": 403,
    "UNSUPPORTED": 405,
}

CLASSES: list[type[MirrorError]] = sorted(
    (found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, MirrorError)),
    key=lambda found: found.__name__,
)


def test_the_codes_of_the_specification_have_their_status() -> None:
    assert {name: Code[name].status for name in SPECIFICATION} == SPECIFICATION


@pytest.mark.parametrize("code", Code, ids=lambda code: code.name)
def test_every_code_is_an_error_with_a_text_of_its_own(code: Code) -> None:
    assert 400 <= code.status <= 599
    assert code.message
    assert [other for other in Code if other.message == code.message] == [code]


def test_no_code_is_an_alias_of_another() -> None:
    assert list(Code.__members__) == [code.name for code in Code]


def test_a_throttled_upstream_is_not_heard_of_as_429() -> None:
    assert Code.TOOMANYREQUESTS.status == 503


@pytest.mark.parametrize("kind", [found for found in CLASSES if found is not ConfigurationError])
def test_an_error_speaks_of_its_code_unless_it_has_more_to_say(kind: type[MirrorError]) -> None:
    assert str(kind()) == kind.code.message
    assert str(kind("more")) == "more"
    assert kind().retry_after is None


@pytest.mark.parametrize("kind", [found for found in CLASSES if found is not ConfigurationError])
def test_an_error_may_have_another_code_and_a_time_to_come_back(kind: type[MirrorError]) -> None:
    before = kind.code
    error = kind(code=Code.BUSY, retry_after=5)
    assert (error.code, error.retry_after, str(error)) == (Code.BUSY, 5, Code.BUSY.message)
    assert kind().code is before


def test_a_configuration_error_tells_all_its_problems() -> None:
    error = ConfigurationError(["one", "two"])
    assert error.problems == ["one", "two"]
    assert str(error) == "one\ntwo"


def test_the_tree_is_drawn_as_it_is() -> None:
    drawing = ast.get_docstring(ast.parse(inspect.getsource(errors))) or ""
    drawn: dict[str, str] = {}
    above: dict[int, str] = {}
    for line in drawing.splitlines():
        depth, _, rest = line.partition("─ ")
        if rest:
            name = rest.split()[0]
            drawn[name] = above.get(len(depth) - 4, "MirrorError")
            above[len(depth)] = name
    assert drawn == {kind.__name__: kind.__mro__[1].__name__ for kind in CLASSES if kind is not MirrorError}
