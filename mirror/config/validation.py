"""Values from several sources as one `Settings`, or as everything that is wrong with them. Reads no source itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from mirror.config.conflicts import Inconsistent, Place
from mirror.config.problems import Problem, is_echo, nearest_key, without
from mirror.config.settings import Settings

_MESSAGES = {
    "string_type": "not text; write it in quotes",
    "int_type": "not a whole number",
    "int_parsing": "not a whole number",
    "int_parsing_size": "not a whole number",
    "int_from_float": "not a whole number",
    "bool_type": "neither true nor false",
    "bool_parsing": "neither true nor false",
    "model_type": "must be a section, with keys below it",
    "dict_type": "must be a section, with keys below it",
    "too_short": "must not be empty",
}


def laid_over(upper: dict[str, Any], lower: dict[str, Any]) -> dict[str, Any]:
    """Both as one, as yet unchecked: mappings are joined key by key, everything else of `upper` replaces."""

    class Layers(BaseSettings):
        model_config = SettingsConfigDict(extra="allow")

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (InitSettingsSource(settings_cls, upper), InitSettingsSource(settings_cls, lower))

    return Layers().model_extra or {}


def validate(values: dict[str, Any]) -> tuple[Settings | None, list[Problem]]:
    """The settings, or what is wrong with them, and the settings that are left without it, where there are any.

    pydantic compares the keys of a section only when each is right by itself, so what is wrong is taken out, and
    the rest looked at again, until nothing new is found.
    """
    problems: list[Problem] = []
    while True:
        try:
            settings = Settings.model_validate(values)
        except ValidationError as error:
            found = list(problems_of(error))
        else:
            return settings, problems
        fresh = [problem for problem in found if problem not in problems and not is_echo(problem, problems)]
        problems += fresh
        rest = without(values, [place for problem in found for place in (problem.place, *problem.involved)])
        if rest == values:
            return None, problems
        values = rest


def problems_of(error: ValidationError) -> Iterator[Problem]:
    """Each error of pydantic's, in the words of this project."""
    for details in error.errors(include_url=False, include_input=False):
        place = tuple(str(part) for part in details["loc"] if part != "[key]")
        cause = details.get("ctx", {}).get("error")
        if isinstance(cause, Inconsistent):
            for conflict in cause.conflicts:
                involved = tuple(place + key for key in conflict.involved)
                yield Problem(place + conflict.place, conflict.message, involved=involved)
        elif details["type"] == "extra_forbidden":
            yield Problem(place, "unknown key", hint=nearest_key(place))
        else:
            yield Problem(place, _message(details, cause))


def password_variables(values: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Each `password_env` with the name that it holds."""
    upstreams = values.get("upstreams")
    for registry, upstream in upstreams.items() if isinstance(upstreams, Mapping) else ():
        name = upstream.get("password_env") if isinstance(upstream, Mapping) else None
        if isinstance(name, str):
            yield ("upstreams", registry, "password_env"), name


def _message(details: ErrorDetails, cause: object) -> str:
    if isinstance(cause, ValueError):
        return str(cause)
    if details["type"] == "literal_error":
        return f"must be {details['ctx']['expected'].replace(chr(39), '')}"
    message = _MESSAGES.get(details["type"], details["msg"])
    return message.replace("Input should be", "must be")
