"""The learning behind the meta_rl node: where a policy starts, and its adaptation in a twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

from metaagent_ros.control.execution import Adapted, Stopped, Trial
from metaagent_ros.policies.files import PolicyFile, shipped_policy
from sim_envs.spec import GroundedTask, Scene
from sim_envs.tasks import family


@dataclass(frozen=True, slots=True)
class Unadapted:
    """The start, as it is: what a budget of no trials returns."""

    policy: PolicyFile
    curve: tuple[Trial, ...] = ()
    rolled_back: bool = False


class Interruptible(gym.Wrapper[Any, Any, Any, Any]):
    """Raises :class:`Stopped` at the next step once cancelled, wherever the learner then is."""

    def __init__(self, env: gym.Env[Any, Any], cancelled: Callable[[], bool]) -> None:
        super().__init__(env)
        self._cancelled = cancelled

    def step(self, action: Any) -> Any:
        """A step, or the end."""
        if self._cancelled():
            raise Stopped("cancelled", "cancelled while adapting")
        return self.env.step(action)


class Learner:
    """Adapts one start to one task after the other; blocks, so it belongs into a thread."""

    def __init__(self, robot: str, hidden_seed: int, folder: str) -> None:
        self.robot, self.hidden_seed = robot, hidden_seed
        self.start = PolicyFile.load(Path(folder) if folder else shipped_policy(robot))
        from metaagent_ros.meta import adaptation  # brings torch: seconds, but once, before any goal

        self._adaptation = adaptation
        self._rehearse()

    def adapt(
        self,
        task: GroundedTask,
        scene: Scene,
        trials: int,
        seconds: float,
        on_trial: Callable[[Trial], None],
        cancelled: Callable[[], bool],
    ) -> Adapted:
        """The policy adapted within the budget; raises :class:`Stopped`."""
        if trials < 1:
            return Unadapted(self.start)
        make = self._adaptation
        try:
            twin = make.twin(self.robot, self.hidden_seed, scene, task)
            try:
                budget = make.Budget(trials, seconds)
                stoppable = Interruptible(twin, cancelled)
                result = make.adapt(self.start, stoppable, budget, 0, on_trial, cancelled)
            finally:
                twin.close()
        except ValueError as error:
            raise Stopped("failed", f"adaptation: {error}") from error
        if cancelled():
            raise Stopped("cancelled", "cancelled while adapting")
        adapted: Adapted = result
        return adapted

    def _rehearse(self) -> None:
        """Make a learner once: the first takes seconds, and a start that does not fit is told at once."""
        from metaagent_ros.policies.sac import sac_of

        kin = family(self.robot)
        env = kin.make(robot=self.robot)
        try:
            sac_of(self.start, env, kin, 0, buffer_size=1)
        finally:
            env.close()
