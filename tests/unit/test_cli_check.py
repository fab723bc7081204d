"""`mirror check`: every mistake at once, wherever it is, and what is only odd as a warning."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mirror.cli import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mirror.yml"


def check(file: Path) -> Result:
    """The command with this file, and none of the variables of this machine."""
    unset = {name: None for name in os.environ if name.startswith("MIRROR_")}
    return CliRunner().invoke(main, ["check", "--config", str(file)], env=unset)


def test_every_mistake_within_the_configuration_and_around_it_is_told(file: Path, tmp_path: Path) -> None:
    (tmp_path / "password").touch()
    file.write_text(f"""\
server: {{listen: ":5000", tls: {{certificate: {tmp_path}/none.pem, key: {tmp_path}/none.key}}}}
storage: {{root: {file}/cache}}
upstreams:
  a.example: {{username: alice, password_file: {tmp_path}/password, ca_file: {file}}}
  b.example: {{username: alice, password_env: MIRROR_NOT_SET}}
limits: {{first_byte_timeout: 20s}}
admin: {{listen: ":5000"}}
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
        "7: admin.listen: :5000, :5000 cannot both be listened on",
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
