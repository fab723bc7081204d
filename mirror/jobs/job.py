"""A pull that was ordered, while it is carried out and for a while after. Knows neither how, nor in which process."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mirror.jobs.board import Board
from mirror.jobs.order import Order


class State(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True, eq=False)
class Job:
    """One order under way, or what became of it. `image`: what is pulled, by its whole name.

    `urgent`: somebody waits for it. `began`: by the wall clock, in seconds.
    """

    id: str
    order: Order
    image: str
    urgent: bool
    began: float
    state: State = State.RUNNING
    board: Board = field(default_factory=Board)

    def begin(self) -> None:
        """Have its board say whose it is."""
        self.board.write("job", event="job", id=self.id, image=self.image, state=self.state)

    def end(self, state: State, **words: str) -> None:
        """It has ended so; nothing more is told of it."""
        self.state = state
        self.board.write("job", event="end", id=self.id, image=self.image, state=state, **words)
        self.board.close()
