"""Every setting with its default, its unit and its meaning. Values only: nothing here reads a file or dials a host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from mirror.config import written
from mirror.config.addresses import (
    ListenAddress,
    Network,
    parse_endpoint,
    parse_host,
    parse_listen,
    parse_network,
    parse_proxy,
    parse_registry,
)
from mirror.config.agreement import disagreements
from mirror.config.bandwidth import Window, parse_window
from mirror.config.conflicts import Conflict, Inconsistent
from mirror.config.images import Kept, parse_kept
from mirror.config.notifications import Receiver
from mirror.config.patterns import is_pattern, parse_upstream_name
from mirror.config.quantities import Share, parse_duration, parse_pulls, parse_rate, parse_share, parse_size
from mirror.config.registries import ALIASES, ENDPOINTS, endpoint_of
from mirror.config.upstream_agreement import disagreements_within

T = TypeVar("T")
_CENTURY = 100 * 365 * 86400.0

Duration = Annotated[float, BeforeValidator(parse_duration), Field(le=_CENTURY)]  # seconds, written 500ms, 5m or 30d
Timeout = Annotated[Duration, Field(gt=0)]  # seconds that something may take; there is no "for ever"
Size = Annotated[int, BeforeValidator(parse_size)]  # bytes, written 4MiB or 50GiB
SizeOrShare = Annotated[Share, BeforeValidator(parse_share)]  # bytes, or a percentage of the file system
Pulls = Annotated[Share, BeforeValidator(parse_pulls)]  # a number of pulls, or a percentage of a limit
Count = Annotated[int, BeforeValidator(written.no_boolean), Field(ge=0)]
Several = Annotated[tuple[T, ...], BeforeValidator(written.several)]  # a list, or one value alone
Workers = Annotated[int | Literal["auto"], BeforeValidator(written.workers)]
Listens = Annotated[Several[Annotated[ListenAddress, BeforeValidator(parse_listen)]], Field(min_length=1)]
Networks = Several[Annotated[Network, BeforeValidator(parse_network)]]
Endpoints = Several[Annotated[str, BeforeValidator(parse_endpoint)]]
Hosts = Several[Annotated[str, BeforeValidator(parse_host)]]
RepositoryPatterns = Several[Annotated[str, AfterValidator(written.repository_pattern)]]
TagPatterns = Several[Annotated[str, AfterValidator(written.tag_pattern)]]
File = Annotated[Path, BeforeValidator(written.path)]
UserName = Annotated[str, AfterValidator(written.user_name)]
Password = Annotated[SecretStr, AfterValidator(lambda secret: _checked(secret, written.password))]
Command = Annotated[Several[str], AfterValidator(written.command)]
ProgramName = Annotated[str, AfterValidator(written.program_name)]
Rate = Annotated[float, BeforeValidator(parse_rate)]  # a second, written 10/s or 300/m
Bandwidth = Several[Annotated[Window, BeforeValidator(parse_window)]]  # bytes a second, by the time of day and week
SearchURL = Annotated[str, BeforeValidator(parse_endpoint)]
VariableName = Annotated[str, AfterValidator(written.variable_name)]
Proxy = Annotated[SecretStr, AfterValidator(lambda secret: _checked(secret, parse_proxy))]
Images = Several[Annotated[Kept, BeforeValidator(parse_kept)]]  # that are kept ready
Prefetching = Literal["auto", "off"]  # whether the rest of an image is fetched before the client asks for it
UpstreamName = Annotated[str, BeforeValidator(parse_upstream_name), AfterValidator(written.no_alias)]


class Section(BaseModel):
    """A part of the configuration: immutable; an unknown key is an error, a key left empty has its default."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, data: object) -> object:
        if data is None:
            return {}
        if isinstance(data, Mapping):
            return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}
        return data


class TLS(Section):
    certificate: File | None = None  # PEM chain; with it the registry speaks HTTPS
    key: File | None = None  # its private key
    client_ca: File | None = None  # with it, clients must show a certificate of this authority

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Self:
        involved = (("certificate",), ("key",), ("client_ca",))
        if (self.certificate is None) != (self.key is None):
            missing = "certificate" if self.certificate is None else "key"
            raise Inconsistent([Conflict((missing,), "is missing: certificate and key go together", involved)])
        if self.client_ca is not None and self.certificate is None:
            message = "has no meaning without certificate and key"
            raise Inconsistent([Conflict(("client_ca",), message, involved)])
        return self


class Server(Section):
    listen: Listens = (ListenAddress("127.0.0.1", 5000),)
    workers: Workers = 1  # processes on the same ports and one cache directory
    tls: TLS = TLS()
    trusted_proxies: Networks = ()  # addresses or networks whose X-Forwarded-For is believed
    shutdown_grace: Duration = 30.0  # how long running answers may take to end after SIGTERM


class Admin(Section):
    listen: Listens = (ListenAddress("127.0.0.1", 5001),)


class Storage(Section):
    root: File = Path("./cache")
    max_size: Annotated[SizeOrShare, AfterValidator(written.more_than_nothing)] = Share(percent=80.0)
    min_free: Annotated[SizeOrShare, AfterValidator(written.less_than_everything)] = Share(percent=5.0)
    durability: Literal["safe", "fast"] = "safe"
    evict_unreachable: bool = False  # images go by their last pull, even of upstreams that cannot be asked just now
    scrub: Duration = 30 * 86400.0  # in which every blob is read and verified once; 0: never
    journal: Annotated[Count, Field(ge=1, le=100_000)] = 1000  # moves of each tag that are remembered


class Upstream(Section):
    endpoints: Endpoints = ()  # base URLs, tried in order; none means the registry's own
    hosts: Hosts = ()  # `Host` names of ours that mean this upstream
    username: UserName | None = None
    password: Password | None = None
    password_file: File | None = None
    password_env: VariableName | None = None
    docker_config: File | None = None  # a config.json of Docker's: auths, credHelpers, credsStore
    credential_helper: ProgramName | None = None  # docker-credential-<name>, on the PATH
    credential_command: Command = ()  # program and arguments that print a login
    credential_lifetime: Timeout = 600.0  # how long a login from a helper or a command is used
    tag_ttl: Duration = 300.0
    stale_for: Duration = 30 * 86400.0
    not_found_ttl: Duration = 10.0
    immutable_tags: TagPatterns = ()  # shell patterns; such a tag is never asked again
    on_deleted: Literal["serve", "forget"] = "serve"  # what becomes of a tag that the upstream no longer has
    hold_new_digests: Duration = 0.0  # for which a tag that has moved is answered as it was
    honour_no_cache: bool = False  # whether a client's Cache-Control: no-cache makes a tag due
    budget_reserve: Pulls = Share(percent=10.0)  # of a pull limit, kept for pulls that clients wait for
    request_rate: Rate | None = None  # requests to this upstream, written 10/s or 300/m
    prefetch: Prefetching | None = None  # None: as for all
    download: Bandwidth = ()  # the most that blobs of it may take of the line, written 20MB/s or with windows
    allow: RepositoryPatterns = ("*",)  # shell patterns of repositories
    deny: RepositoryPatterns = ()
    realms: Hosts = ()  # hosts that may issue tokens beside the endpoint's own domain
    search: SearchURL | None = None  # where docker search is answered; Docker Hub's own is built in
    ca_file: File | None = None
    client_certificate: File | None = None  # PEM, shown to the endpoints
    client_key: File | None = None
    insecure: bool = False
    proxy: Proxy | None = None  # http://[user:password@]host:port
    allow_private_addresses: bool = False

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        conflicts = list(disagreements_within(self))
        if conflicts:
            raise Inconsistent(conflicts)
        return self


class Limits(Section):
    manifest_size: Annotated[Size, Field(ge=1024)] = 4 * 1024**2
    token_size: Annotated[Size, Field(ge=1024)] = 64 * 1024
    memory_cache: Size = 32 * 1024**2  # manifests and small blobs kept in memory
    connections: Annotated[Count, Field(ge=1)] = 4096
    connections_per_client: Annotated[Count, Field(ge=1)] = 1024  # from one address, unless it is a trusted proxy
    fetches_per_upstream: Annotated[Count, Field(ge=1)] = 32
    connections_per_blob: Annotated[Count, Field(ge=1)] = 8  # for a large blob, as far as several bring it sooner
    fetch_wait: Duration = 60.0  # how long a blob may wait for its turn at the upstream
    prefetch: Count = 6  # of them, what may be fetched before a client asks for it
    connect_timeout: Timeout = 5.0
    first_byte_timeout: Timeout = 10.0
    read_timeout: Timeout = 30.0  # the longest silence within an upstream's body
    answer_timeout: Timeout = 14.0  # tokens, redirects and all endpoints together, before the first byte
    client_head: Timeout = 15.0  # from the first byte of a request's head to the last
    client_stall: Timeout = 60.0  # how long a client may take nothing
    client_rate: Size = 1024  # bytes a second that a client has to take on average, while it is waited for
    keepalive: Timeout = 30.0  # how long an idle client connection is kept
    resumes: Count = 5  # tries of a broken body without progress
    redirects: Count = 5
    download: Bandwidth = ()  # of all upstreams together
    upload: Bandwidth = ()  # to all clients together
    upload_per_client: Bandwidth = ()


class Log(Section):
    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"
    access: bool = True  # one line for each request


class Notifications(Section):
    endpoints: Several[Receiver] = ()  # web hooks that are told of tags that move


class Settings(Section):
    server: Server = Server()
    admin: Admin = Admin()
    storage: Storage = Storage()
    default_upstream: Annotated[str, BeforeValidator(parse_registry)] = "docker.io"  # any of its names
    builtin_upstreams: bool = True
    catalog: bool = False  # whether /v2/_catalog tells what is cached
    prefetch: Prefetching = "auto"
    images: Images = ()  # names, or files of names: pulled at their times without a client
    upstreams: Annotated[dict[UpstreamName, Upstream], BeforeValidator(written.each_once)] = {}
    limits: Limits = Limits()
    notifications: Notifications = Notifications()
    log: Log = Log()

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        conflicts = list(dict.fromkeys(disagreements(self)))
        if conflicts:
            raise Inconsistent(conflicts)
        return self

    def resolved_upstreams(self) -> dict[str, Upstream]:
        """Every upstream that is served, by name, with all its values.

        A built-in registry that is also configured keeps its endpoint unless `endpoints` replaces it, even where
        `builtin_upstreams: false` drops those that are not configured. One that stands for many hosts has none:
        each of them is its own.
        """
        names = [*ENDPOINTS, *self.upstreams] if self.builtin_upstreams else self.upstreams
        return {name: _with_endpoint(name, self.upstreams.get(name, Upstream())) for name in dict.fromkeys(names)}

    def aliases(self) -> dict[str, str]:
        """Every name that a registry which is served goes by, its own included → the name of the upstream.

        Patterns are not among them, because no registry goes by one.
        """
        own = {name: name for name in self.resolved_upstreams() if not is_pattern(name)}
        return own | {alias: name for alias, name in ALIASES.items() if name in own}

    def hosts(self) -> dict[str, str]:
        """Every `Host` that means one upstream (lower case, with a port only where one was written) → its name."""
        return {host: name for name, upstream in self.upstreams.items() for host in upstream.hosts}


def _with_endpoint(name: str, upstream: Upstream) -> Upstream:
    if upstream.endpoints or is_pattern(name):
        return upstream
    return upstream.model_copy(update={"endpoints": (endpoint_of(name),)})


def _checked(secret: SecretStr, parse: Callable[[str], str]) -> SecretStr:
    return SecretStr(parse(secret.get_secret_value()))
