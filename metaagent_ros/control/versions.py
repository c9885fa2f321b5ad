"""Which policy to try next on the robot, and which to keep: success counted over trials, with a way back.

The success of a version is judged by Laplace's rule of succession, ``(s + 1) / (n + 2)`` for ``s`` successes
in ``n`` trials of its own, so that one lucky trial does not outweigh three good ones.

1. After a success the same version is tried again: what works is left alone.
2. After a failure a version that is now worse than the best of the others is **rolled back**: the best one
   acts again, and the version is never used any more.
3. After any other failure the next version is learned from all trials so far.
4. The version kept is the best one; of equals the earlier, so nothing replaces the start that is not better.
"""

from __future__ import annotations

from dataclasses import dataclass

from metaagent_ros.policies.files import PolicyFile


@dataclass(slots=True)
class Tally:
    """Trials of one version."""

    successes: int = 0
    trials: int = 0
    streak: int = 0  # successes in a row, up to the last trial

    def add(self, success: bool) -> None:
        """One more trial."""
        self.trials += 1
        self.successes += success
        self.streak = self.streak + 1 if success else 0

    @property
    def rate(self) -> float:
        """Share of successes, 0..1; 0 before any trial."""
        return self.successes / self.trials if self.trials else 0.0

    @property
    def estimate(self) -> float:
        """The rule of succession: 1/2 before any trial."""
        return (self.successes + 1) / (self.trials + 2)


class Versions:
    """The start (version 0) and what was learned from it; ``current`` is the one to try next."""

    def __init__(self, start: PolicyFile) -> None:
        self._files, self.tallies = [start], [Tally()]
        self.current = 0

    @property
    def policy(self) -> PolicyFile:
        """The policy to try next."""
        return self._files[self.current]

    @property
    def best(self) -> int:
        """The version to keep: the highest estimate among those tried, the earliest of equals."""
        tried = [v for v, tally in enumerate(self.tallies) if tally.trials]
        return max(tried, key=lambda v: (self.tallies[v].estimate, -v), default=0)

    @property
    def improved(self) -> bool:
        """Whether something better than the start was found, or the start itself never failed."""
        start = self.tallies[0]
        return self.best > 0 or 0 < start.trials == start.successes

    @property
    def failed(self) -> tuple[PolicyFile, ...]:
        """The versions that have failed at least once."""
        pairs = zip(self._files, self.tallies, strict=True)
        return tuple([file for file, tally in pairs if tally.successes < tally.trials])

    def file(self, version: int) -> PolicyFile:
        """The policy of a version."""
        return self._files[version]

    def record(self, success: bool) -> bool:
        """Count a trial of the current version; whether that version was rolled back (rule 2)."""
        mine = self.tallies[self.current]
        mine.add(success)
        best = self.best
        if success or mine.estimate >= self.tallies[best].estimate:
            return False
        self.current = best
        return True

    def propose(self, file: PolicyFile) -> None:
        """Try a policy learned just now (rule 3)."""
        self._files.append(file)
        self.tallies.append(Tally())
        self.current = len(self._files) - 1
