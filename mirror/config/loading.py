"""The configuration of a process: a YAML file, the environment over it, and every mistake in either at once.

Knows which settings there are only through `mirror.config.settings`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mirror.config import environment
from mirror.config.conflicts import Place
from mirror.config.problems import Problem, dotted, is_echo, setting_at
from mirror.config.registries import ENDPOINTS
from mirror.config.settings import Settings
from mirror.config.validation import laid_over, password_variables, validate
from mirror.errors import ConfigurationError
from mirror.log.redaction import printable

SYSTEM_FILE = Path("/etc/mirror/mirror.yml")
LARGEST = 1024 * 1024  # bytes of a file
MOST = 100_000  # nodes of a document, once its aliases are followed

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # what PyYAML counts as the end of a line
_NULL = re.compile(r"~|null|Null|NULL|")
_TAG = "tag:yaml.org,2002:"


def find(path: Path | None, environ: Mapping[str, str], system_file: Path = SYSTEM_FILE) -> Path | None:
    """The file that is read: the one given, else that of MIRROR_CONFIG, else the system's if there is one, else none.

    Never one from the current directory, which may be anybody's.
    """
    if path is not None:
        return path
    if environ.get(environment.CONFIG):
        return Path(environ[environment.CONFIG])
    return system_file if system_file.exists() else None


def load(
    path: Path | None,
    environ: Mapping[str, str],
    system_file: Path = SYSTEM_FILE,
    look: Callable[[Settings], Iterable[Problem]] = lambda _: (),
) -> Settings:
    """The settings of the file that `find` finds, under those of `environ`. ConfigurationError with every problem.

    `look` says what else is wrong with the settings that are right by themselves.
    """
    file = find(path, environ, system_file)
    document = _read(file) if file is not None else Document("")
    configured = document.values.get("upstreams")
    registries = [*configured, *ENDPOINTS] if isinstance(configured, Mapping) else ENDPOINTS
    variables = environment.read(environ, dict.fromkeys(registries))
    values = laid_over(variables.values, document.values)
    settings, problems = validate(values)
    passwords = dict(password_variables(values))
    problems += [
        Problem(place, "names an environment variable that is not set")
        for place, name in passwords.items()
        if not environ.get(name)
    ]
    if settings is not None:
        problems += [problem for problem in look(settings) if not is_echo(problem, problems)]
    lines = [*document.problems, *(_line(problem, document, variables.origins) for problem in problems)]
    lines += [Line(f"{name}: {text}") for name, text in variables.wrong.items()]
    lines += [Line(f"{name}: {text}") for name, text in variables.unknown.items() if name not in passwords.values()]
    if lines or settings is None:
        raise ConfigurationError([printable(line.text) for line in sorted(lines, key=lambda line: line.number)])
    return settings


@dataclass(frozen=True, slots=True)
class Line:
    """What the operator is told, and the line of the file that it is about, by which it is sorted; others come last."""

    text: str
    number: float = math.inf


@dataclass(slots=True)
class Document:
    """What a file says, on which line it says it, and what keeps it from saying more."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Line] = field(default_factory=list)


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema: `no` is a word, 010 is no octal and 1:30 no number of base 60, as in YAML 1.1."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as PyYAML declares it


for _name, _pattern, _first in (
    ("int", _INTEGER, "-+0123456789"),
    ("float", _FLOAT, "-+0123456789"),
    ("bool", _BOOLEAN, "tTfF"),
    ("null", _NULL, ["~", "n", "N", ""]),
    ("merge", re.compile("<<"), "<"),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern.pattern})\Z"), list(_first))


class _Reader:
    """Turns the nodes of a document into values, and remembers their lines, which PyYAML's own constructor forgets."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes = 0
        self._open: list[yaml.Node] = []

    def value(self, node: yaml.Node, place: Place) -> Any:
        self._nodes += 1
        if node in self._open or self._nodes > MOST:
            line = node.start_mark.line + 1
            raise ConfigurationError([f"{self._document.name}:{line}: an alias leads to itself, or to too much"])
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        self._open.append(node)
        value = self._mapping(node, place) if isinstance(node, yaml.MappingNode) else self._sequence(node, place)
        self._open.pop()
        return value

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        text = str(node.value)
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return text
        if kind == "null" and _NULL.fullmatch(text):
            return None
        if kind == "bool" and _BOOLEAN.fullmatch(text):
            return text.lower() == "true"
        if kind == "int" and _INTEGER.fullmatch(text):
            return int(text)
        if kind == "float" and _FLOAT.fullmatch(text):
            return float(text)
        self._problem(node, place, "has a tag that has no meaning here, or does not fit its value")
        return None

    def _sequence(self, node: yaml.Node, place: Place) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            below = (*place, str(index))
            self._document.lines[below] = item.start_mark.line + 1
            items.append(self.value(item, below))
        return items

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, item in node.value:
            if key.tag == f"{_TAG}merge":
                # The first of several mappings wins over the later ones, and a key written here over all of them.
                sources = item.value if isinstance(item, yaml.SequenceNode) else [item]
                for source in sources:
                    if not isinstance(source, yaml.MappingNode):
                        self._problem(key, place, "`<<` takes a mapping or a list of mappings")
                        continue
                    merged = self.value(source, place) | merged
            elif not isinstance(key, yaml.ScalarNode):
                self._problem(key, place, "a key is not text")
            elif key.value in own:
                self._problem(key, (*place, key.value), f"is there already, on line {self._line(place, key)}")
            else:
                below = (*place, key.value)
                self._document.lines[below] = key.start_mark.line + 1
                own[key.value] = self.value(item, below)
        return merged | own

    def _line(self, place: Place, key: yaml.Node) -> int:
        return self._document.lines[(*place, key.value)]

    def _problem(self, node: yaml.Node, place: Place, message: str) -> None:
        line = node.start_mark.line + 1
        self._document.problems.append(Line(f"{self._document.name}:{line}: {_prefix(place)}{message}", line))


def _read(file: Path) -> Document:
    """The file's values. ConfigurationError when nothing can be read from it at all."""
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError([f"{file}: cannot be read: {error.strerror or 'system error'}"]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{file}: is not text in UTF-8"]) from None
    if len(content) > LARGEST:
        raise ConfigurationError([f"{file}: is larger than 1 MiB"])
    document = Document(str(file))
    root = _compose(text, file)
    if isinstance(root, yaml.MappingNode):
        document.values = _Reader(document).value(root, ())
    elif root is not None and not (isinstance(root, yaml.ScalarNode) and root.tag == f"{_TAG}null"):
        line = root.start_mark.line + 1
        raise ConfigurationError([f"{file}:{line}: the top level must be a mapping of sections"])
    return document


def _compose(text: str, file: Path) -> yaml.Node | None:
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigurationError([f"{file}:{line}: not YAML: {error.reason}"]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        # The problem may quote a word of the file, and that word may be a password with a * before it.
        problem = re.sub(r"'(?!<)[^']{2,}'", "…", error.problem or "syntax error")
        quotes = "; an address such as [::]:5000 needs quotes" if "[:" in _BREAK.split(text)[line - 1] else ""
        raise ConfigurationError([f"{file}:{line}: not YAML: {' '.join(problem.split())}{quotes}"]) from None
    except RecursionError:
        raise ConfigurationError([f"{file}: is nested too deeply"]) from None
    return root


def _line(problem: Problem, document: Document, variables: Mapping[Place, str]) -> Line:
    """The problem behind whoever said what is wrong: a line of the file or a variable."""
    place = problem.place if problem.place in document.lines else setting_at(problem.place)
    for end in range(len(place), 0, -1):
        if place[:end] in variables:
            return Line(f"{variables[place[:end]]}: {problem.text()}")
        if place[:end] in document.lines:
            number = document.lines[place[:end]]
            return Line(f"{document.name}:{number}: {_prefix(place)}{problem.text()}", number)
    return Line(f"{_prefix(place)}{problem.text()}")


def _prefix(place: Place) -> str:
    return f"{dotted(place)}: " if place else ""
