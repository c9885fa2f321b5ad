"""Joint pretraining over the whole distribution: imitate the expert, then learn what that is worth.

The actor imitates the scripted expert on the states that it reaches itself (DAgger, Ross et al. 2011,
algorithm 3.1). The critic then evaluates the actor by temporal differences on what was collected, right
and wrong contexts alike. Both are told the hidden values as context (see ``policies.context``); only here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import SAC

from metaagent_ros.policies.context import LIMIT
from metaagent_ros.policies.sac import GAMMA, extractors, make_sac
from sim_envs.tasks import Family

Array = NDArray[np.float32]
NOISE = (0.05, 0.25, 0.5)  # of the actions, one drawn per episode, so that recoveries are seen
LOG_STD = -1.5  # of the actor's exploration afterwards
_BATCH, _TARGET_RATE = 256, 0.01


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long pretraining takes: rounds of imitation, episodes and gradient steps of each, and so on."""

    rounds: int = 20
    episodes: int = 50
    gradient_steps: int = 1000
    extra_episodes: int = 1000
    critic_steps: int = 20_000


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
    """One run of it; ``say`` gets a line now and then."""

    def __init__(self, kin: Family, seed: int, say: Callable[[str], None] = print) -> None:
        torch.manual_seed(seed)
        self.kin, self.seed, self.say = kin, seed, say
        self.env: Any = kin.make(hidden="sample")
        self.model: SAC = make_sac(self.env, kin, seed)
        self.data = Experience()
        self._rng = np.random.default_rng(seed)
        self._episode = seed * 1_000_000

    def run(self, schedule: Schedule) -> SAC:
        """Imitation, then the critic."""
        optimiser = torch.optim.Adam(self.model.actor.parameters())
        for number in range(schedule.rounds):
            for _ in range(schedule.episodes):
                self.collect(share_of_expert=1.0 if number == 0 else 0.1, wrong=0.5)
            rate = 1e-3 * (1.0 - number / schedule.rounds) + 1e-4
            loss = self._imitate(optimiser, rate, schedule.gradient_steps)
            if number % 6 == 5 or number == schedule.rounds - 1:
                self.say(f"imitation {number + 1}/{schedule.rounds}  loss {loss:.4f}  {self._judge()}")
        for _ in range(schedule.extra_episodes):
            self.collect(share_of_expert=0.05, wrong=0.8)
        spread: Any = self.model.actor.log_std
        with torch.no_grad():
            spread.weight.zero_()
            spread.bias.fill_(LOG_STD)
        self._evaluate(schedule.critic_steps)
        self.env.close()
        return self.model

    def act(self, observation: Array, context: Array) -> Array:
        """The actor's mean action under a given context."""
        with torch.no_grad():
            action = self._mean(torch.tensor(observation[None]), torch.tensor(context[None]))[0]
        out: Array = action.numpy()
        return out

    def collect(self, share_of_expert: float, wrong: float) -> None:
        """One noisy episode; a share ``wrong`` of them acts on a context that is not the task's."""
        rng, kin, data = self._rng, self.kin, self.data
        observation, _ = self.env.reset(seed=self._episode)
        self._episode += 1
        context = kin.context_of(self.env.hidden)
        believed = context
        if rng.random() < wrong:  # as adaptation begins: not knowing
            guess = rng.uniform(-LIMIT, LIMIT, len(context)) * rng.choice((0.0, 1.0))
            believed = guess.astype(np.float32)
        expert, noise, over = rng.random() < share_of_expert, rng.choice(NOISE), False
        while not over:
            shown = kin.expert(self.env)
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
            observation, over = following, terminated or truncated

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
            if (step + 1) % 5000 == 0:
                self.say(f"critic {step + 1}/{steps}  loss {loss.item():.3f}  variance {wanted.var():.2f}")

    def _judge(self, episodes: int = 20) -> str:
        """Success with the context unknown (zero) and told, over held-out episodes."""
        rates = []
        for told in (False, True):
            solved = 0
            for number in range(episodes):
                observation, _ = self.env.reset(seed=900_000_000 + number)
                context = self.kin.context_of(self.env.hidden) * np.float32(told)
                over = False
                while not over:
                    action = self.act(observation, context)
                    observation, _, terminated, truncated, info = self.env.step(action)
                    over = terminated or truncated
                solved += bool(info["is_success"])
            rates.append(solved / episodes)
        return f"success, context unknown {rates[0]:.2f}, told {rates[1]:.2f}"
