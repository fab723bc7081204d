"""What others use for the same job, configured as for a comparison: no logs, and one worker where that is asked.

nginx as a file server is the limit of what a cache can do; with `proxy_cache` it is what caching proxies for registries
are made of. Debian's docker-registry is CNCF distribution, in its proxy mode.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.servers import Server, free_port, running
from bench.upstream import MANIFEST_TYPE, REPOSITORY, Content

_NGINX = """
daemon off; worker_processes 1; pid {root}/pid; error_log /dev/null crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 60s;
  client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
  uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
  {http}
  server {{ listen 127.0.0.1:{port}; {server} }}
}}
"""
_STATIC = """
  default_type application/octet-stream; open_file_cache max=1000; root {root}/www;
  location ~ /manifests/ {{ default_type {manifest}; }}
  location = /v2/ {{ return 200 '{{}}'; }}
"""
_CACHE = """
  location / {{
    proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_cache all; proxy_cache_lock on; proxy_cache_lock_timeout 880s; proxy_cache_valid 200 1h;
    proxy_cache_key $uri; proxy_max_temp_file_size 0; proxy_read_timeout 900s;
  }}
"""
_DISTRIBUTION = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{root}/cache"}}}}
http: {{addr: "127.0.0.1:{port}"}}
proxy: {{remoteurl: "http://127.0.0.1:{upstream}"}}
"""


@contextlib.contextmanager
def nginx_static(root: Path, content: Content, blobs: Path) -> Iterator[Server]:
    """The files themselves, sent by nginx: nothing can be cheaper."""
    root.mkdir()
    place = root / "www" / "v2" / REPOSITORY
    (place / "blobs").mkdir(parents=True)
    (place / "manifests").mkdir()
    for digest in content.digests.values():
        (place / "blobs" / digest).hardlink_to(blobs / digest.partition(":")[2])
    for reference in ("latest", content.manifest_digest):
        (place / "manifests" / reference).write_bytes(content.manifest)
    server = _STATIC.format(root=root, manifest=MANIFEST_TYPE)
    with _nginx("nginx, static files", root, "", server, caches=False) as started:
        yield started


@contextlib.contextmanager
def nginx_cache(root: Path, upstream_port: int) -> Iterator[Server]:
    """A caching proxy that knows nothing of registries."""
    root.mkdir()
    http = f"proxy_cache_path {root}/cache levels=1:2 keys_zone=all:10m max_size=4g use_temp_path=off;"
    with _nginx("nginx, proxy_cache", root, http, _CACHE.format(upstream=upstream_port), caches=True) as started:
        yield started


@contextlib.contextmanager
def distribution(root: Path, upstream_port: int) -> Iterator[Server]:
    """The registry that most people run as a mirror."""
    root.mkdir()
    port, configuration = free_port(), root / "config.yml"
    configuration.write_text(_DISTRIBUTION.format(root=root, port=port, upstream=upstream_port))
    with running("distribution", [_program("docker-registry"), "serve", str(configuration)], port) as started:
        yield started


@contextlib.contextmanager
def _nginx(name: str, root: Path, http: str, server: str, *, caches: bool) -> Iterator[Server]:
    port, configuration = free_port(), root / "nginx.conf"
    configuration.write_text(_NGINX.format(root=root, port=port, http=http, server=server))
    # Its worker may run as nobody, who has to find its way.
    command = [_program("nginx"), "-c", str(configuration), "-p", str(root), "-g", "user root;"]
    with running(name, command, port, caches=caches) as started:
        yield started


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise FileNotFoundError(f"{name} is not installed: `make packages` does that")
    return found
