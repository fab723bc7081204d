"""`mirror check`: every mistake at once, wherever it is, and what is only odd as a warning."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mirror.cli import main
from mirror.config.addresses import ListenAddress
from tests.support.held_port import HeldPort
from tests.support.mirror_thread import MirrorThread


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mirror.yml"


def check(file: Path) -> Result:
    """The command with this file, none of the variables of this machine, and no address that might be in use."""
    unset = {name: None for name in os.environ if name.startswith("MIRROR_")}
    told = file.read_text()
    sections = [section for section in ("server", "admin") if f"{section}: " not in told]
    free = {f"MIRROR_{section.upper()}__LISTEN": "127.0.0.1:0" for section in sections}
    return CliRunner().invoke(main, ["check", "--config", str(file)], env={**unset, **free})


def test_every_mistake_within_the_configuration_and_around_it_is_told(file: Path, tmp_path: Path) -> None:
    (tmp_path / "password").touch()
    port = HeldPort("127.0.0.1").port
    file.write_text(f"""\
server: {{listen: ":{port}", tls: {{certificate: {tmp_path}/none.pem, key: {tmp_path}/none.key}}}}
storage: {{root: {file}/cache}}
upstreams:
  a.example: {{username: alice, password_file: {tmp_path}/password, ca_file: {file}}}
  b.example: {{username: alice, password_env: MIRROR_NOT_SET}}
limits: {{first_byte_timeout: 20s}}
admin: {{listen: ":{port}"}}
log: {{level: loud}}
""")
    result = check(file)
    assert (result.exit_code, result.stdout) == (2, "")
    missing = "cannot be read: No such file or directory"
    assert result.stderr.replace(f"{file}:", "").splitlines() == [
        f"1: server.tls.certificate: {missing}",
        f"1: server.tls.key: {missing}",
        f"2: storage.root: cannot be used: {file} is not a directory",
        "4: upstreams.a.example.ca_file: holds no certificate in PEM that can be used",
        "4: upstreams.a.example.password_file: is empty",
        "5: upstreams.b.example.password_env: names an environment variable that is not set",
        "6: limits.first_byte_timeout: is longer than answer_timeout, which includes it",
        f"7: admin.listen: :{port} of server.listen and :{port} of admin.listen cannot both be listened on",
        "8: log.level: must be debug, info, warning or error",
    ]


def test_an_account_that_is_never_sent_is_worth_a_warning(file: Path) -> None:
    account = "username: alice, password: canary, endpoints: [http://a.example]"
    file.write_text(f"upstreams: {{a.example: {{{account}}}}}")
    result = check(file)
    assert (result.exit_code, result.stdout.split("\n")[0]) == (0, f"ok: {file}")
    assert result.stderr == (
        "warning: upstreams.a.example.username: is never sent to http://a.example, which is not https: "
        "that takes `insecure: true`\n"
    )


def test_what_serve_would_refuse_is_a_mistake(file: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").touch()
    file.write_text(f"server: {{listen: no.such.invalid:5000}}\nstorage: {{root: {tmp_path}/photos}}")
    result = check(file)
    assert (result.exit_code, result.stdout) == (2, "")
    first, second = result.stderr.splitlines()
    assert first.startswith(f"{file}:1: server.listen: cannot listen on no.such.invalid:5000: ")
    assert second.startswith(f"{file}:2: storage.root: {tmp_path}/photos is not empty and not a cache of this program")


def test_a_mirror_that_runs_with_it_is_worth_a_note(file: Path, tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        server, admin = (str(ListenAddress(*address)) for address in (served.address, served.admin_address))
        file.write_text(
            f"server: {{listen: {server}}}\nadmin: {{listen: {admin}}}\nstorage: {{root: {tmp_path}/cache}}"
        )
        result = check(file)
    assert (result.exit_code, result.stdout.split("\n")[0]) == (0, f"ok: {file}")
    assert result.stderr.splitlines() == [f"note: {one} is in use: by a mirror that runs" for one in (server, admin)]
