"""A guard and an ideal joint, clocks by hand."""

from metaagent_ros.control import ArmLimiter, ArmLimits, ArmState, Guard
from metaagent_ros.control.guard import TICK_S
from sim_envs.spec import JointCommand

LIMITS = ArmLimits(("a",), (-1.0,), (1.0,), (2.0,), (0.0, 0.08), 40.0, acceleration=(10.0,))
PERIOD, NS = 0.05, 1_000_000_000


def command(position: float) -> JointCommand:
    return JointCommand(("a",), (position,), 0.02, 10.0, PERIOD)


class Bench:
    """A guard, and an ideal joint that is measured and commanded every :data:`PERIOD`."""

    def __init__(self, guard: Guard | None = None) -> None:
        self.guard = guard or Guard(ArmLimiter(LIMITS))
        self.now = self.wall = 10.0
        self.position = 0.0

    def measure(self, position: float | None = None, stamp: float | None = None) -> None:
        self.position = self.position if position is None else position
        state = ArmState(("a",), (self.position,), (0.0,))
        self.guard.feed_state(state, self.ns(stamp), self.now, self.wall)

    def want(self, position: float, stamp: float | None = None, who: str = "one") -> JointCommand | None:
        return self.guard.feed_command(command(position), self.ns(stamp), self.now, self.wall, who)

    def step(self, position: float, who: str = "one") -> JointCommand | None:
        """One period later: what is sent is where the joint will be."""
        self.wait(PERIOD)
        self.measure()
        sent = self.want(position, who=who)
        if sent is not None:
            self.position = sent.positions[0]
        return sent

    def tick(self) -> JointCommand | None:
        self.wait(TICK_S)
        return self.guard.tick(self.now, self.wall)

    def wait(self, seconds: float) -> None:
        self.now, self.wall = self.now + seconds, self.wall + seconds

    def ns(self, stamp: float | None) -> int:
        return round((self.now if stamp is None else stamp) * NS)

    def run(self, position: float = 1.0, steps: int = 5) -> float:
        """Get moving; the last velocity [rad/s]."""
        before = 0.0
        for _ in range(steps):
            before = self.position
            self.step(position)
        return (self.position - before) / PERIOD

    def settle(self, steps: int = 60) -> list[float]:
        """What is sent on the way to rest."""
        sent = [self.tick() for _ in range(steps)]
        return [s.positions[0] for s in sent if s is not None]


def speeds(start: float, positions: list[float]) -> list[float]:
    return [(b - a) / TICK_S for a, b in zip([start, *positions], positions, strict=False)]
