"""An explanation, as the API gives it, in lines for people. Knows nothing but the document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mirror.amounts import duration, number, size

Document = Mapping[str, Any]

_STATES = {"half_open": "one request is let through, to see whether it answers again"}


def lines_of(document: Document) -> Iterator[str]:
    """One line for each thing to know, in the order of the questions that somebody has."""
    route = document["route"]
    yield _line("image", document["image"])
    pattern = f" (by the pattern {route['pattern']})" if route["pattern"] else ""
    yield _line("upstream", f"{route['upstream']}{pattern}, because {route['why']}")
    yield _line("repository", route["repository"] + ("" if route["admitted"] else _NOT_ADMITTED))
    yield _line("asked as", route["credential"])
    for endpoint in route["endpoints"]:
        yield _line("endpoint", _endpoint(endpoint))
    if document["frozen"]:
        yield _line("contact", "frozen by the operator: nobody is asked until `mirror thaw`")
    if document["asks"] is not None:
        yield from _known(document)
        yield _line("a pull now", _pull(document))


_NOT_ADMITTED = ": not admitted by `allow` and `deny`, so every pull of it is refused"
_LISTS_NONE = "its manifest, which lists no such image"
_WHILE_FROZEN = "which is refused as long as contact is frozen"


def _known(document: Document) -> Iterator[str]:
    tag = document["tag"]
    if tag is not None:
        yield _line("tag", f"{tag['digest']}, checked {duration(tag['age'])} ago")
        yield _line("", f"{tag['verdict']}: {tag['meaning']}; {_until(tag)}")
    given = document.get("given")
    if given is not None:
        yield _line("given", f"{given['digest']}, because {given['why']}")
    if document["absent"]:
        yield _line("absent", "the upstream has just said that there is no such thing")
    images = document["images"]
    if images is None:
        yield _line("cached", "not everything could be looked at in time")
    elif not images:
        yield _line("cached", "nothing of it" if document["manifest"] is None else _LISTS_NONE)
    for image in images or ():
        yield _line("cached", _image(image))


def _endpoint(endpoint: Document) -> str:
    words = [_STATES.get(endpoint["state"], "asked")]
    if endpoint["state"] == "open":
        words = [f"has failed, and is left alone for {duration(endpoint['probe_in'])} more"]
    if endpoint["throttled_for"]:
        words.append(f"limits our requests for {duration(endpoint['throttled_for'])} more")
    return f"{endpoint['place']}: {', '.join(words)}"


def _until(tag: Document) -> str:
    check, answerable = tag["next_check_in"], tag["answerable_for"]
    if check is None:
        return "it never moves (`immutable_tags`)"
    when = f"next check in {duration(check)}; " if check else ""  # the verdict says of others that one is due
    if answerable is None:
        return f"{when}answered for ever while the upstream cannot be asked"
    if not answerable:
        return f"{when}too old to be answered while the upstream cannot be asked"
    return f"{when}answered for {duration(answerable)} more while the upstream cannot be asked"


def _image(image: Document) -> str:
    what = f"{image['platform'] or 'unknown'} {image['digest']}: "
    if not image["manifest"]:
        return f"{what}nothing"
    words = f"{what}manifest, {image['blobs_held']} of {number(image['blobs'], 'blob')}"
    words += f" ({size(image['bytes_held'])} of {size(image['bytes'])})"
    return words + (f", {image['unproven']} to be confirmed by the upstream" if image["unproven"] else "")


def _pull(document: Document) -> str:
    if not document["route"]["admitted"]:
        return "is refused, and nobody is asked"
    asks, missing = document["asks"], [f"for {image['platform']}: {_missing(image)}" for image in _wanted(document)]
    if not asks and not missing:
        gone = document["absent"] and document["manifest"] is None
        return "is answered 404, and nobody is asked" if gone else "is answered from the cache"
    if not document["frozen"]:
        return f"asks {'; '.join([*asks, *missing])}"
    if not (asks and _may_be_old(document)):
        return f"asks {'; '.join([*asks, *missing])}, {_WHILE_FROZEN}"
    words = "is answered from the cache, with a warning that the tag could not be checked"
    return f"{words}; asks {'; '.join(missing)}, {_WHILE_FROZEN}" if missing else words


def _may_be_old(document: Document) -> bool:
    """Whether the tag is answered as it was while nobody is asked."""
    tag = document["tag"]
    return document["manifest"] is not None and tag is not None and tag["answerable_for"] != 0


def _wanted(document: Document) -> list[Document]:
    """The images of which something would have to be fetched; of many platforms only those that have been wanted."""
    images = document["images"] or []
    return [image for image in images if (image["manifest"] or len(images) == 1) and _missing(image)]


def _missing(image: Document) -> str:
    if not image["manifest"]:
        return "its manifest, and then its blobs"
    count = image["blobs"] - image["blobs_held"]
    words = [f"{number(count, 'blob')} of {size(image['bytes'] - image['bytes_held'])}"] if count else []
    return " and ".join(words + ([f"a HEAD for {number(image['unproven'], 'blob')}"] if image["unproven"] else []))


def _line(title: str, text: str) -> str:
    return f"{title:<12}{text}"
