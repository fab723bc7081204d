"""Clients that leave without a word, at the moments at which real ones do."""

from __future__ import annotations

import socket
import struct

import pytest

from tests.clients.cost import assert_each_byte_crossed_once, blob_path
from tests.clients.rig import Rig

pytestmark = pytest.mark.timeout(120)
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST, as the kernel does for a process that is killed
DEPARTURES = 100


def ask(rig: Rig, path: str) -> socket.socket:
    """A connection on which a blob has been asked for. The caller closes it."""

    def connect() -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", rig.mirror.port), timeout=30)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {rig.mirror.host}\r\n\r\n".encode())
        return connection

    return rig.sealed.call(connect)


def test_clients_that_leave_before_the_first_byte_do_not_stop_the_fetch(skopeo_rig: Rig) -> None:
    published = skopeo_rig.gallery["many"]
    for layer in published.chosen.layers:
        gate = skopeo_rig.tap.hold(layer.packed.digest, 0)
        connection = ask(skopeo_rig, blob_path(published, layer.packed))
        gate.wait()
        connection.close()
        gate.open()
    skopeo_rig.pull(published.by_tag)
    skopeo_rig.client.check(published, published.by_tag)
    assert_each_byte_crossed_once(skopeo_rig.tap.take(), published)


def test_clients_that_leave_before_the_answer_are_no_fault_of_the_mirror(skopeo_rig: Rig) -> None:
    published = skopeo_rig.gallery["schema2"]
    skopeo_rig.pull(published.by_tag)
    for _ in range(DEPARTURES):
        ask(skopeo_rig, blob_path(published, published.chosen.layers[0].packed)).close()
    skopeo_rig.pull(published.by_tag)
    skopeo_rig.client.check(published, published.by_tag)
    assert "fault of ours" not in skopeo_rig.mirror_log()
