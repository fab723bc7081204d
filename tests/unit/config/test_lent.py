"""An upstream's settings, asked as somebody else."""

from __future__ import annotations

from mirror.config.lent import lent
from mirror.config.settings import Upstream


def test_a_lent_login_takes_the_place_of_every_other_one() -> None:
    for own in (
        {"username": "own", "password_file": "/run/own"},
        {"docker_config": "/own.json"},
        {"credential_helper": "own"},
        {"credential_command": ["own"], "username": "own"},
        {"username": "own", "password_env": "OWN"},
    ):
        upstream = lent(Upstream.model_validate({**own, "tag_ttl": 7, "realms": "auth.test"}), "alice", "canary")
        assert (upstream.username, upstream.password and upstream.password.get_secret_value()) == ("alice", "canary")
        assert not any(
            (upstream.password_file, upstream.docker_config, upstream.credential_helper, upstream.credential_command)
        )
        assert upstream.password_env is None
        assert (upstream.tag_ttl, upstream.realms) == (7, ("auth.test",))
        assert "canary" not in repr(upstream)
