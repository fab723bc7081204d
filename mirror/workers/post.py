"""What a worker finds where it begins: who it is among how many, its sockets, and what it shares with the others."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from mirror.marks import Marks
from mirror.workers.board import Board
from mirror.workers.pages import Pages
from mirror.workers.sockets import Sockets


@dataclass(frozen=True, slots=True)
class Post:
    """`begins`: nobody has served before in this run; `present`: who does just now.

    `pages`: the figures of each worker, by its number, and after them those of the workers that are gone.
    """

    number: int
    count: int
    begins: bool
    present: frozenset[int]
    incarnation: int
    line: socket.socket
    sockets: Sockets
    board: Board
    pages: Pages
    reading: Marks
