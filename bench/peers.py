"""What others use for the same job, configured as for a comparison: no logs, and one worker where that is asked.

nginx as a file server is the limit of what a cache can do; with `proxy_cache` it is what caching proxies for registries
are made of. Debian's docker-registry is CNCF distribution, in its proxy mode; drayage is a mirror in Rust.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.content import MANIFEST_TYPE, REPOSITORY, Content
from bench.processes import Failed, free_port, process
from bench.servers import Place, Role, Server, answering

_NGINX = """
daemon off; worker_processes 1; worker_rlimit_nofile 8192; pid {root}/pid; error_log /dev/null crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 60s;
  client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
  uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
  {http}
  server {{ listen 127.0.0.1:{port} {tls}; {server} }}
}}
"""
# By itself 1.22 speaks TLS 1.2 at most, which resumes a session without any of the work that 1.3 does then.
_NGINX_TLS = (
    "ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_session_cache shared:tls:10m;"
    " ssl_protocols TLSv1.2 TLSv1.3"
)
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
http: {{addr: "127.0.0.1:{port}"{tls}}}
proxy: {{remoteurl: "http://127.0.0.1:{upstream}"}}
"""
_DRAYAGE = """
listen = "127.0.0.1:{port}"
cache_dir = "{root}/cache"
manifest_ttl_seconds = 900
read_timeout_secs = 900
[upstreams.docker_io]
registry = "http://127.0.0.1:{upstream}"
"""


@contextlib.contextmanager
def nginx_static(place: Place, content: Content) -> Iterator[Server]:
    """The files themselves, sent by nginx: nothing can be cheaper."""
    served = place.root / "www" / "v2" / REPOSITORY
    for part in ("blobs", "manifests"):
        (served / part).mkdir(parents=True)
    for file in (content.directory / "blobs").iterdir():
        (served / "blobs" / f"sha256:{file.name}").hardlink_to(file)
    for file in (content.directory / "manifests").iterdir():
        (served / "manifests" / file.name).hardlink_to(file)
    server = _STATIC.format(root=place.root, manifest=MANIFEST_TYPE)
    with _nginx("nginx, static files", Role.STATIC, place, "", server) as started:
        yield started


@contextlib.contextmanager
def nginx_cache(place: Place) -> Iterator[Server]:
    """A caching proxy that knows nothing of registries."""
    http = f"proxy_cache_path {place.root}/cache levels=1:2 keys_zone=all:10m max_size=4g use_temp_path=off;"
    with _nginx("nginx, proxy_cache", Role.PEER, place, http, _CACHE.format(upstream=place.upstream)) as started:
        yield started


@contextlib.contextmanager
def distribution(name: str, place: Place, program: str) -> Iterator[Server]:
    """The registry that most people run as a mirror, or another program that takes its configuration."""
    port, configuration = free_port(), place.root / "config.yml"
    tls = f", tls: {{certificate: {place.certificate}, key: {place.key}}}" if place.certificate is not None else ""
    configuration.write_text(_DISTRIBUTION.format(root=place.root, port=port, upstream=place.upstream, tls=tls))
    running = process([_program(program), "serve", str(configuration)], log=place.log)
    with answering(name, Role.PEER, place, port, running) as started:
        yield started


@contextlib.contextmanager
def drayage(place: Place, program: Path) -> Iterator[Server]:
    """A mirror written in Rust. It speaks no TLS to clients that ask it by its own name."""
    port, configuration = free_port(), place.root / "config.toml"
    configuration.write_text(_DRAYAGE.format(root=place.root, port=port, upstream=place.upstream))
    (place.root / "cache").mkdir()
    environment = os.environ | {"RUST_LOG": "error"}
    running = process([str(program), "serve", "--config", str(configuration)], environment, place.log)
    with answering("drayage", Role.PEER, place, port, running) as started:
        yield started


def drayage_program() -> Path | None:
    """Where `bench/install` has put it, or None."""
    found = Path(sys.prefix) / "bench" / "bin" / "drayage"
    return found if found.exists() else None


@contextlib.contextmanager
def _nginx(name: str, role: Role, place: Place, http: str, server: str) -> Iterator[Server]:
    port, configuration = free_port(), place.root / "nginx.conf"
    tls = _NGINX_TLS.format(certificate=place.certificate, key=place.key) if place.certificate is not None else ""
    configuration.write_text(_NGINX.format(root=place.root, port=port, http=http, server=server, tls=tls))
    # Its worker may run as nobody, who has to find its way.
    running = process([_program("nginx"), "-c", str(configuration), "-p", str(place.root), "-g", "user root;"])
    with answering(name, role, place, port, running) as started:
        yield started


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Failed(f"{name} is not installed: `make packages` does that")
    return found
