"""Joint pretraining over the whole distribution: imitate the expert, then learn what that is worth.

The actor imitates the scripted expert on the states that it reaches itself (DAgger, Ross et al. 2011,
algorithm 3.1). The critic then evaluates the actor by temporal differences on what was collected, right
and wrong contexts alike. With ``told`` both are given the hidden values as context (see
``policies.context``), only here, and a network learns to infer them from what happens (:mod:`.inference`);
without, the context stays zero and has no weights: plain joint training, the baseline.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import SAC

from metaagent_ros.meta import inference
from metaagent_ros.meta.inference import History
from metaagent_ros.meta.tasks import MetaTask, TaskEnv, draw_tasks
from metaagent_ros.policies.context import LIMIT
from metaagent_ros.policies.files import PolicyFile
from metaagent_ros.policies.sac import GAMMA, extractors, make_sac, policy_file
from sim_envs.tasks import Family

Array = NDArray[np.float32]
NOISE = (0.05, 0.25, 0.5)  # of the actions, one drawn per episode, so that recoveries are seen
LOG_STD = -1.5  # of the actor's exploration afterwards
_BATCH, _TARGET_RATE = 256, 0.01


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long pretraining takes.

    Rounds of imitation with episodes and gradient steps in each; then tasks with some episodes each for
    the critic and for inference, and the gradient steps of both.
    """

    rounds: int = 16
    episodes: int = 60
    gradient_steps: int = 2000
    extra_tasks: int = 250
    extra_episodes: int = 3
    critic_steps: int = 5000
    inference_steps: int = 4000


QUICK = Schedule(2, 10, 100, 10, 1, 500, 200)
"""A minute of it: to see it run, not to use what comes of it."""


@dataclass(slots=True)
class Experience:
    """What was seen: one row a control step."""

    observations: list[Array] = field(default_factory=list)
    shown: list[Array] = field(default_factory=list)
    contexts: list[Array] = field(default_factory=list)
    following: list[Array] = field(default_factory=list)
    actions: list[Array] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    ends: list[bool] = field(default_factory=list)

    def tensors(self, *names: str) -> list[torch.Tensor]:
        """The named columns, float32."""
        return [torch.tensor(np.array(getattr(self, name)), dtype=torch.float32) for name in names]


class Pretraining:
    """One run of it over the tasks of T0; ``say`` gets a line now and then."""

    def __init__(self, kin: Family, seed: int, say: Callable[[str], None] = print, told: bool = True) -> None:
        torch.manual_seed(seed)
        self.kin, self.seed, self.told, self.say = kin, seed, told, say
        self.env: Any = TaskEnv(kin)
        self.model: SAC = make_sac(self.env, kin, seed)
        self.data = Experience()
        self.histories: list[tuple[History, Array]] = []
        self.gradient_steps = 0
        self.inference: dict[str, Array] = {}
        self._rng, self._began = np.random.default_rng(seed), time.process_time()
        if not told:
            self._cut_the_context()

    def run(self, schedule: Schedule) -> SAC:
        """Imitation, then the critic and, with a context, what infers it."""
        optimiser = torch.optim.Adam(self.model.actor.parameters())
        for number in range(schedule.rounds):
            for task in draw_tasks(self.kin, schedule.episodes, self._rng):
                self.collect(task, share_of_expert=1.0 if number == 0 else 0.1, wrong=0.5)
            rate = 1e-3 * (1.0 - number / schedule.rounds) + 1e-4
            loss = self._imitate(optimiser, rate, schedule.gradient_steps)
            if number % 6 == 5 or number == schedule.rounds - 1:
                self.say(f"imitation {number + 1}/{schedule.rounds}  loss {loss:.4f}  {self._judge()}")
        for task in draw_tasks(self.kin, schedule.extra_tasks, self._rng):
            history = History.empty()
            self.histories.append((history, self.kin.context_of(task.hidden)))
            for _ in range(schedule.extra_episodes):
                self.collect(task, share_of_expert=0.05, wrong=0.8, history=history)
        spread: Any = self.model.actor.log_std
        with torch.no_grad():
            spread.weight.zero_()
            spread.bias.fill_(LOG_STD)
        self._evaluate(schedule.critic_steps)
        if self.told:
            self._learn_to_infer(schedule)
        self.env.close()
        return self.model

    def file(self, card: dict[str, Any]) -> PolicyFile:
        """What was learned, with its cost on the card."""
        file = policy_file(self.model, card | {"cost": self.cost, "told": self.told})
        return replace(file, tensors={**file.tensors, **self.inference})

    @property
    def cost(self) -> dict[str, float]:
        """Environment steps, gradient steps and CPU time [s] so far."""
        seconds = round(time.process_time() - self._began, 1)
        steps = {"env_steps": len(self.data.rewards), "gradient_steps": self.gradient_steps}
        return steps | {"cpu_seconds": seconds}

    def _cut_the_context(self) -> None:
        """Without weights the context neither matters nor gets a gradient."""
        size = len(self.kin.context)
        critic, target = self.model.critic, self.model.critic_target
        parts: tuple[Any, ...] = (self.model.actor.latent_pi, *critic.q_networks, *target.q_networks)
        with torch.no_grad():
            for part in parts:
                weight = part[0].weight
                start = len(self.kin.scale)
                weight[:, start : start + size] = 0.0

    def _learn_to_infer(self, schedule: Schedule) -> None:
        scale = np.array(self.kin.scale, dtype=np.float32)
        histories, contexts = zip(*self.histories, strict=True)
        steps = schedule.inference_steps
        net = inference.train(histories, np.stack(contexts), scale, steps, self._rng, self.say)
        self.gradient_steps += schedule.inference_steps
        self.inference = inference.to_tensors(net)

    def act(self, observation: Array, context: Array) -> Array:
        """The actor's mean action under a given context."""
        with torch.no_grad():
            action = self._mean(torch.tensor(observation[None]), torch.tensor(context[None]))[0]
        out: Array = action.numpy()
        return out

    def collect(
        self, task: MetaTask, share_of_expert: float, wrong: float, history: History | None = None
    ) -> None:
        """One noisy episode; a share ``wrong`` of them acts on a context that is not the task's."""
        rng, data = self._rng, self.data
        self.env.play(task)
        observation, _ = self.env.reset(seed=int(rng.integers(2**31)))
        context, believed = self._contexts(task, wrong)
        expert, noise, over = rng.random() < share_of_expert, rng.choice(NOISE), False
        while not over:
            world = self.env.unwrapped
            shown = world.expert() if self.told else world.naive_expert()
            action = shown if expert else self.act(observation, believed)
            action = np.clip(action + rng.normal(0.0, noise, len(action)), -1.0, 1.0).astype(np.float32)
            following, reward, terminated, truncated, _ = self.env.step(action)
            data.observations.append(observation)
            data.shown.append(shown)
            data.contexts.append(context)
            data.following.append(following)
            data.actions.append(action)
            data.rewards.append(reward)
            data.ends.append(terminated)
            if history is not None:
                history.add(observation, action, following, reward)
            observation, over = following, terminated or truncated

    def _contexts(self, task: MetaTask, wrong: float) -> tuple[Array, Array]:
        """The task's context and the one that is acted on."""
        rng, context = self._rng, self.kin.context_of(task.hidden)
        if not self.told:
            return context * np.float32(0.0), context * np.float32(0.0)
        if rng.random() >= wrong:
            return context, context
        guess = rng.uniform(-LIMIT, LIMIT, len(context)) * rng.choice((0.0, 1.0))  # as adaptation begins
        return context, guess.astype(np.float32)

    def _give(self, context: torch.Tensor | None) -> None:
        for extractor in extractors(self.model):
            extractor.given = context

    def _mean(self, observations: torch.Tensor, contexts: torch.Tensor) -> torch.Tensor:
        actor = self.model.actor
        self._give(contexts)
        features = actor.extract_features(observations, actor.features_extractor)
        self._give(None)
        return torch.tanh(actor.mu(actor.latent_pi(features)))

    def _imitate(self, optimiser: torch.optim.Optimizer, rate: float, steps: int) -> float:
        observations, shown, contexts = self.data.tensors("observations", "shown", "contexts")
        shown = shown.clamp(-0.98, 0.98)  # a tanh never gets to 1
        optimiser.param_groups[0]["lr"] = rate
        loss = torch.zeros(())
        self.gradient_steps += steps
        for _ in range(steps):
            rows = torch.randint(len(observations), (_BATCH,))
            loss = ((self._mean(observations[rows], contexts[rows]) - shown[rows]) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        return loss.item()

    def _evaluate(self, steps: int) -> None:
        """Temporal differences of the actor as it is (Sutton and Barto 2018, section 6.5)."""
        critic, target, actor = self.model.critic, self.model.critic_target, self.model.actor
        names = ("observations", "contexts", "following", "actions", "rewards", "ends")
        observations, contexts, following, actions, rewards, ends = self.data.tensors(*names)
        optimiser = torch.optim.Adam(critic.parameters())
        self.gradient_steps += steps
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = 1e-3 * (1.0 - step / steps) + 5e-5
            rows = torch.randint(len(observations), (_BATCH,))
            self._give(contexts[rows])
            with torch.no_grad():
                further = actor.action_log_prob(following[rows])[0]
                value = torch.cat(target(following[rows], further), dim=1).mean(dim=1)
                wanted = rewards[rows] + GAMMA * (1.0 - ends[rows]) * value
            guesses = critic(observations[rows], actions[rows])
            loss = torch.stack([((q.squeeze(1) - wanted) ** 2).mean() for q in guesses]).sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            self._give(None)
            with torch.no_grad():
                for own, other in zip(target.parameters(), critic.parameters(), strict=True):
                    own.lerp_(other, _TARGET_RATE)
            if (step + 1) % 2500 == 0:
                self.say(f"critic {step + 1}/{steps}  loss {loss.item():.3f}  variance {wanted.var():.2f}")

    def _judge(self, episodes: int = 20) -> str:
        """Success with the context unknown (zero) and told, over held-out episodes."""
        rates = []
        for told in (False, True):
            solved = 0
            for number, task in enumerate(draw_tasks(self.kin, episodes, np.random.default_rng(90_000))):
                self.env.play(task)
                observation, _ = self.env.reset(seed=900_000_000 + number)
                context = self.kin.context_of(task.hidden) * np.float32(told and self.told)
                over = False
                while not over:
                    action = self.act(observation, context)
                    observation, _, terminated, truncated, info = self.env.step(action)
                    over = terminated or truncated
                solved += bool(info["is_success"])
            rates.append(solved / episodes)
        return f"success, context unknown {rates[0]:.2f}, told {rates[1]:.2f}"
