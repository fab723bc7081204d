"""Images as `docker save` wrote them before it wrote image layouts, and as skopeo's `docker-archive:` is.

Such an archive holds a configuration and the unpacked layers, and no manifest. It is given the one that skopeo gives
it: Docker's schema 2 over the unpacked layers, by their diff_ids, so that its digest is the same here and there. Layers
that others have packed (kaniko, crane, Bazel, `docker buildx -o type=docker`) are unpacked as they are read.
https://github.com/moby/docker-image-spec/blob/main/v1.2.md
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import orjson

from mirror.bundles.contents import MANIFEST
from mirror.bundles.files import Files, read
from mirror.bundles.gzipped import MAGIC, gunzipped
from mirror.bundles.names import Name
from mirror.bundles.opening import LARGEST, unpacker_of
from mirror.errors import Code, Malformed, MirrorError, Refused
from mirror.oci.digest import Digest
from mirror.oci.media_types import DOCKER_MANIFEST

LIST = "manifest.json"
_LARGEST_LIST = 16 * 1024**2  # bytes
_LARGEST_CONFIG = 16 * 1024**2
_CONFIGS = 256 * 1024**2  # of all images, each of which is read and held
_LAYERS = 1000  # of one image
_IMAGES = 10_000
_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"  # as skopeo has it, and no client minds


class DockerArchive:
    """The content of such an archive by its digests, and its `images`, None in place of a name where one has none."""

    def __init__(self, files: Files, largest: int = LARGEST) -> None:
        """`largest`: bytes that may come of packed layers. Raises Refused when it is no such archive, OSError."""
        self.images: list[tuple[Name | None, Digest]] = []
        self._files = files
        self._left = largest  # bytes that may still come of packed layers
        self._paths: dict[Digest, str] = {}
        self._unpacked: dict[Digest, int] = {}  # sizes of those layers that are packed
        self._bodies: dict[Digest, bytes] = {}
        self._configs = 0  # bytes of configurations
        for entry in _entries(read(files, LIST, _LARGEST_LIST) or b""):
            self._add(entry)

    def size(self, digest: Digest) -> int | None:
        if digest in self._bodies:
            return len(self._bodies[digest])
        if digest in self._unpacked:
            return self._unpacked[digest]
        return self._files.size(self._paths[digest]) if digest in self._paths else None

    def read(self, digest: Digest) -> Iterator[bytes]:
        if digest in self._bodies:
            return iter([self._bodies[digest]])
        if digest not in self._paths:
            raise MirrorError(f"{digest} is not in the archive")
        pieces = self._files.pieces(self._paths[digest])
        return gunzipped(pieces, self._unpacked[digest]) if digest in self._unpacked else pieces

    def _add(self, entry: object) -> None:
        match entry:
            case {"Config": str(config), "Layers": list(layers), "RepoTags": list() | None as tags}:
                manifest = self._manifest(config, layers)
            case _:
                raise _refused("its list of images cannot be read")
        names = [_name(tag) for tag in tags or ()]
        self.images += [(name, manifest) for name in names] or [(None, manifest)]

    def _manifest(self, config_path: str, layers: list[object]) -> Digest:
        """Note what there is of an image; the digest of its manifest."""
        config = read(self._files, config_path, _LARGEST_CONFIG)
        if config is None:
            raise _refused("the configuration of an image is not in it")
        self._configs += len(config)
        if self._configs > _CONFIGS:
            raise _refused("its configurations are larger than those of any")
        diffs = _diffs(config)
        if len(diffs) != len(layers) or len(layers) > _LAYERS:
            raise _refused("an image has other layers than its configuration says")
        described = [self._layer(digest, path) for digest, path in zip(diffs, layers, strict=True)]
        digest = self._keep(config)
        manifest = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": {"mediaType": _CONFIG_TYPE, "size": len(config), "digest": str(digest)},
            "layers": described,
        }
        body = json.dumps(manifest, separators=(",", ":")).encode()
        if len(body) > MANIFEST:
            raise _refused("an image has too many layers")
        return self._keep(body)

    def _layer(self, digest: Digest, path: object) -> dict[str, object]:
        if not isinstance(path, str) or self._files.size(path) is None:
            raise _refused("a layer is not in it")
        if digest not in self._paths:
            self._look_into(digest, path)
        return {"mediaType": _LAYER_TYPE, "size": self.size(digest), "digest": str(digest)}

    def _look_into(self, digest: Digest, path: str) -> None:
        """Note where a layer lies, and if it is packed how large it is: nothing tells, so it is unpacked for that."""
        begin = next(self._files.pieces(path), b"")
        if unpacker_of(begin) is not None:
            raise _refused(
                "a layer is packed in a way that is not unpacked here: "
                "`skopeo copy docker-archive:FILE oci-archive:NEW.tar:NAME` writes what can be imported"
            )
        if begin.startswith(MAGIC):
            size = sum(map(len, gunzipped(self._files.pieces(path), self._left)))
            self._left -= size
            self._unpacked[digest] = size
        self._paths[digest] = path

    def _keep(self, body: bytes) -> Digest:
        digest = Digest.of(body)
        self._bodies[digest] = body
        return digest


def _entries(body: bytes) -> list[object]:
    try:
        entries = orjson.loads(body)
    except orjson.JSONDecodeError:
        entries = None
    if not isinstance(entries, list) or not 0 < len(entries) <= _IMAGES:
        raise _refused("its list of images cannot be read")
    return entries


def _diffs(config: bytes) -> list[Digest]:
    try:
        document = orjson.loads(config)
        match document:
            case {"rootfs": {"diff_ids": list(diffs)}}:
                return [Digest.parse(diff if isinstance(diff, str) else "") for diff in diffs]
    except (orjson.JSONDecodeError, Malformed):
        pass
    raise _refused("the configuration of an image cannot be read")


def _name(tag: object) -> Name:
    try:
        name, _ = Name.parse(tag if isinstance(tag, str) else "")
    except Malformed:
        raise _refused("an image has a name that is none") from None
    return name


def _refused(words: str) -> Refused:
    return Refused(f"the archive cannot be read as one of `docker save`: {words}", code=Code.BAD_REQUEST)
