"""Plots against a mirror's secrets: what a registry, or who speaks for it, says to have them sent elsewhere or told.

Each sets a scene up; what must hold afterwards is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.fakes.answers import challenged_often, redirected
from tests.fakes.logins import OF_A_PEER, PASSWORD, USER
from tests.faults.scene import MARK, REPOSITORY, Scene
from tests.support.faults import Fault

Plot = Callable[[Scene], None]


def realm(value: Callable[[Scene], str]) -> Plot:
    """Home sends us for a token to this place."""
    return lambda scene: scene.lure(f'Bearer realm="{value(scene)}",service="s",scope="repository:{REPOSITORY}:pull"')


def challenge(value: Callable[[Scene], str]) -> Plot:
    return lambda scene: scene.lure(value(scene))


def after_a_token(plot: Plot) -> Plot:
    """Home is honest for three requests; then it turns."""

    def turned(scene: Scene) -> None:
        scene.home.fail(Fault(), path="/manifests/", times=2)
        plot(scene)

    return turned


def token_answer(fault: Callable[[Scene], Fault]) -> Plot:
    """The realm is the right one, and what it answers is not."""
    return lambda scene: scene.home.fail(fault(scene), path="/token", times=None)


def led(location: Callable[[Scene], str], path: str = "/manifests/", status: int = 307) -> Plot:
    return lambda scene: scene.lead(location(scene), path, status)


def stored(fault: Callable[[Scene], Fault]) -> Plot:
    """Blobs lie in a storage to which signed addresses lead, and which answers like this."""

    def set_up(scene: Scene) -> None:
        scene.home.redirects = True
        scene.home.fail(fault(scene), path="/objects/", times=None)

    return set_up


def thief_says(fault: Callable[[Scene], Fault], path: str = "/manifests/") -> Plot:
    """A redirect leads to the thief, who answers like this."""

    def set_up(scene: Scene) -> None:
        scene.lead(f"{scene.thief.url}/v2/{REPOSITORY}{path}v1?{MARK}", path)
        scene.thief.fail(fault(scene), path="/v2/", times=None)

    return set_up


def two_challenges(scene: Scene) -> None:
    theirs, ours = f'Bearer realm="{scene.steal}"', f'Bearer realm="{scene.home.realm}",service="registry.test"'
    scene.home.play(challenged_often(theirs, ours), path="/v2/", times=3)


def link(scene: Scene) -> None:
    target = f"{scene.thief.url}/v2/{REPOSITORY}/tags/list?n=1&last=v1&{MARK}"
    scene.home.fail(Fault(headers={"Link": f'<{target}>; rel="next"'}), path="/tags/", times=None)


def signed_twice(scene: Scene) -> None:
    scene.home.redirects = True
    scene.home.before(lambda _: scene.home.expire_signatures(), path="/objects/", times=1)


def broken_storage(scene: Scene) -> None:
    scene.home.redirects = True
    scene.home.fail(Fault(cut_at=1000), "GET", "/objects/", times=2)


def revoked(scene: Scene) -> None:
    scene.home.before(lambda _: scene.login.revoke(), path="/manifests/", times=None)


def echo(status: int) -> Plot:
    """An answer that holds what it was sent, and more, wherever there is room."""
    said = f"Authorization: Basic {USER}:{PASSWORD} {OF_A_PEER}"
    headers = {"X-Said": said, "Warning": said, "WWW-Authenticate": f"Bearer {said}", "ETag": said, "Retry-After": said}
    fault = Fault(status=status, headers=headers, body=said.encode())
    return lambda scene: scene.home.fail(fault, path="/v2/", times=9)


def boast(scene: Scene) -> None:
    """A good answer with headers that are nobody's business."""
    scene.home.fail(Fault(headers={"X-Said": OF_A_PEER, "Age": OF_A_PEER}), path="/v2/", times=None)


def json_token(token: str) -> Fault:
    return Fault(body=f'{{"token": "{token}", "{OF_A_PEER}": 1}}'.encode())


def bare(url: str) -> str:
    return url.partition("//")[2]


PLOTS: Mapping[str, Plot] = {
    "nothing at all": lambda _: None,
    # where tokens are to be had
    "a realm elsewhere": realm(lambda scene: scene.steal),
    "a realm in plain text": realm(lambda scene: f"{scene.plain.url}/token?{MARK}"),
    "our own realm in plain text": realm(lambda scene: scene.home.realm.replace("https", "http")),
    "a realm behind our name as a user": realm(lambda scene: f"{scene.home.url}@{bare(scene.thief.url)}/token"),
    "a realm behind our name as a user and password": realm(lambda s: f"https://127.0.0.1:x@{bare(s.thief.url)}/token"),
    "a realm behind a backslash": realm(lambda scene: f"{scene.thief.url}\\\\@{bare(scene.home.url)}/token"),
    "a realm without a scheme": realm(lambda scene: f"//{bare(scene.thief.url)}/token"),
    "a realm without a host": realm(lambda _: "/token"),
    "no realm": challenge(lambda _: 'Bearer service="s"'),
    "an empty realm": realm(lambda _: ""),
    "a realm that is a file": realm(lambda _: "file:///etc/hostname"),
    "a realm with a line break": realm(lambda scene: f"{scene.home.realm}%0d%0aX-Mark: {OF_A_PEER}"),
    "a realm with a fragment of ours": realm(lambda scene: f"{scene.steal}#{scene.home.url}"),
    "a realm with our name within its path": realm(lambda scene: f"{scene.thief.url}/{bare(scene.home.url)}/token"),
    "a realm named twice": challenge(lambda s: f'Bearer realm="{s.home.realm}",realm="{s.steal}"'),
    "a realm of theirs, then ours": two_challenges,
    "a realm of theirs, then Basic": challenge(lambda s: f'Bearer realm="{s.steal}", Basic realm="x"'),
    "Basic alone": challenge(lambda _: f'Basic realm="{OF_A_PEER}"'),
    "Digest": challenge(lambda _: f'Digest realm="x", nonce="{OF_A_PEER}", qop="auth"'),
    "Negotiate": challenge(lambda _: f"Negotiate {OF_A_PEER}"),
    "a challenge without an end": challenge(lambda s: f'Bearer realm="{s.steal}",' + "a=b," * 1500),
    "more rights than were asked for": challenge(
        lambda s: f'Bearer realm="{s.home.realm}",service="registry.test",scope="registry:catalog:* {OF_A_PEER}"'
    ),
    "the realm moves away": after_a_token(realm(lambda scene: scene.steal)),
    "the endpoint turns to Basic": after_a_token(challenge(lambda _: 'Basic realm="x"')),
    "tokens that are worthless at once": revoked,
    # what is answered there
    "a realm that redirects": token_answer(lambda s: redirected(f"{s.thief.url}/token?{MARK}")),
    "a realm that redirects to plain text": token_answer(lambda s: redirected(f"{s.plain.url}/token", 302)),
    "a realm that refuses": token_answer(lambda _: Fault(status=401, body=f"{PASSWORD} is wrong".encode())),
    "a realm that forbids": token_answer(lambda _: Fault(status=403, headers={"X-Said": PASSWORD})),
    "a realm that fails": token_answer(lambda _: Fault(status=500, body=f"{USER}:{PASSWORD}".encode())),
    "a realm that says the password": token_answer(lambda _: Fault(body=f"token={PASSWORD}".encode())),
    "a token with a line break": token_answer(lambda _: json_token(f"{OF_A_PEER}\\r\\nX-Mark: 1")),
    "a token that is none": token_answer(lambda _: json_token("")),
    "a token that is of no use": token_answer(lambda _: json_token(f"{OF_A_PEER}")),
    # where content is to be had
    "a manifest elsewhere": led(lambda s: f"{s.thief.url}/v2/{REPOSITORY}/manifests/v1?{MARK}"),
    "a manifest elsewhere, by 301": led(lambda s: f"{s.thief.url}/v2/{REPOSITORY}/manifests/v1", status=301),
    "a manifest elsewhere, by 303": led(lambda s: f"{s.thief.url}/v2/{REPOSITORY}/manifests/v1", status=303),
    "a manifest in plain text": led(lambda s: f"{s.plain.url}/v2/{REPOSITORY}/manifests/v1?{MARK}"),
    "a manifest behind a user": led(lambda s: f"https://{USER}:{OF_A_PEER}@{bare(s.thief.url)}/v2/"),
    "a manifest behind our name": led(lambda s: f"{s.home.url}@{bare(s.thief.url)}/v2/x?{MARK}"),
    "a manifest without a scheme": led(lambda s: f"//{bare(s.thief.url)}/v2/{REPOSITORY}/manifests/v1"),
    "a manifest by another scheme": led(lambda _: f"ftp://{OF_A_PEER}/x"),
    "a manifest from the thief back home": thief_says(lambda s: redirected(f"{s.home.url}/v2/x?{MARK}")),
    "the thief wants a login": thief_says(
        lambda _: Fault(status=401, headers={"WWW-Authenticate": f'Basic realm="{OF_A_PEER}"'})
    ),
    "the thief wants a token of his own": thief_says(
        lambda s: Fault(status=401, headers={"WWW-Authenticate": f'Bearer realm="{s.steal}",service="x"'})
    ),
    "the thief wants a token of ours": thief_says(
        lambda s: Fault(status=401, headers={"WWW-Authenticate": f'Bearer realm="{s.home.realm}",service="x"'})
    ),
    "the thief plays the proxy": thief_says(
        lambda _: Fault(status=407, headers={"Proxy-Authenticate": f'Basic realm="{OF_A_PEER}"'})
    ),
    "the thief hands out cookies": thief_says(lambda _: Fault(headers={"Set-Cookie": f"a={OF_A_PEER}; Path=/"})),
    "tags elsewhere": led(lambda s: f"{s.thief.url}/v2/{REPOSITORY}/tags/list?{MARK}", "/tags/"),
    "the next page elsewhere": link,
    "a blob elsewhere": led(lambda s: f"{s.thief.url}/v2/x?{MARK}", "/blobs/"),
    # signed addresses
    "a storage that is honest": stored(lambda _: Fault()),
    "a storage that moves on": stored(lambda s: redirected(f"{s.thief.url}/v2/x?{MARK}")),
    "a storage that wants a login": stored(
        lambda _: Fault(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    ),
    "a storage that wants a token": stored(
        lambda s: Fault(status=401, headers={"WWW-Authenticate": f'Bearer realm="{s.home.realm}"'})
    ),
    "a storage that refuses": stored(lambda _: Fault(status=403, headers={"X-Said": "signature=canary-1"})),
    "a storage that fails": stored(lambda _: Fault(status=503)),
    "a storage that breaks off": broken_storage,
    "a storage that wants another signature": signed_twice,
    # words
    "an echo with 200": boast,
    "an echo with 400": echo(400),
    "an echo with 403": echo(403),
    "an echo with 429": echo(429),
    "an echo with 500": echo(500),
}
