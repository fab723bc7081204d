"""Sockets for several workers on one port."""

from __future__ import annotations

import socket

import pytest

from mirror.config.addresses import ListenAddress
from mirror.errors import MirrorError
from mirror.workers.sockets import bind

ANY = ListenAddress("127.0.0.1", 0)


def port_of(one: socket.socket) -> int:
    return int(one.getsockname()[1])


def test_each_worker_has_its_own_and_all_have_one_port() -> None:
    sockets = bind([ANY, ANY], [ANY], 3)
    try:
        assert len(sockets.registry) == 3
        ports = [[port_of(one) for one in own] for own in sockets.registry]
        assert ports[0] == ports[1] == ports[2]
        assert len(set(ports[0])) == 2
        assert len(sockets.admin) == 1
    finally:
        sockets.close()


def test_connections_are_dealt_out_to_those_who_listen() -> None:
    sockets = bind([ANY], [ANY], 2)
    try:
        (first,), (second,) = sockets.registry
        second.listen()
        with socket.create_connection(second.getsockname(), 10) as client:
            second.setblocking(True)
            taken, place = second.accept()
            taken.close()
            assert place == client.getsockname()
        assert not first.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    finally:
        sockets.close()


def test_who_is_waited_for_no_more_is_dealt_nobody_until_he_listens_again() -> None:
    sockets = bind([ANY], [ANY], 2)
    try:
        (first,), (second,) = sockets.registry
        first.listen()
        waiting = [socket.create_connection(first.getsockname(), 10) for _ in range(3)]
        second.listen()
        sockets.unlisten(0)
        sockets.unlisten(0)
        for client in waiting:
            with client, pytest.raises(ConnectionResetError):
                client.recv(1)
        later = [socket.create_connection(second.getsockname(), 10) for _ in range(50)]
        second.setblocking(True)
        for _ in later:
            second.accept()[0].close()
        second.close()
        first.listen()
        with socket.create_connection(first.getsockname(), 10) as client:
            first.setblocking(True)
            taken, place = first.accept()
            taken.close()
            assert place == client.getsockname()
        for client in later:
            client.close()
    finally:
        sockets.close()


def test_the_queue_of_a_socket_is_never_made_shorter() -> None:
    sockets = bind([ANY], [ANY], 2)
    try:
        (one,) = sockets.registry[0]
        one.listen()
        one.listen(1)
        clients = [socket.create_connection(one.getsockname(), 10) for _ in range(100)]
        for client in clients:
            client.close()
    finally:
        sockets.close()


@pytest.mark.parametrize("section", ["registry", "admin"])
@pytest.mark.parametrize("shares", [False, True])
def test_an_address_that_is_taken_is_named_though_its_owner_would_share_it(section: str, shares: bool) -> None:
    with socket.socket() as taken:
        if shares:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = ListenAddress("127.0.0.1", port_of(taken))
        wanted = {"registry": [ANY], "admin": [ANY], section: [ANY, address]}
        setting = {"registry": "server.listen", "admin": "admin.listen"}[section]
        with pytest.raises(MirrorError, match=f"^cannot listen on {address}: Address already in use .*{setting}"):
            bind(wanted["registry"], wanted["admin"], 2)


def test_a_host_that_nobody_knows_is_named() -> None:
    with pytest.raises(MirrorError, match=r"^cannot listen on nowhere\.invalid:5000: "):
        bind([ListenAddress("nowhere.invalid", 5000)], [ANY], 2)


def test_a_host_may_be_several_addresses() -> None:
    sockets = bind([ListenAddress("", 0)], [ANY], 2)
    try:
        families = [one.family for one in sockets.registry[1]]
        assert socket.AF_INET in families
        assert len(families) == len(set(families))
    finally:
        sockets.close()


def test_a_worker_keeps_its_own_alone() -> None:
    sockets = bind([ANY], [ANY], 2)
    own = sockets.of(1)
    try:
        assert own.registry == (sockets.registry[1],)
        assert sockets.registry[0][0].fileno() == -1
        assert own.registry[0][0].fileno() >= 0
    finally:
        sockets.close()
