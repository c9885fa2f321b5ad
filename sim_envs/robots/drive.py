"""What lies between a velocity command and the wheels of a differential drive, whatever the physics."""

from __future__ import annotations

import math
from typing import TypeAlias

from sim_envs.robots.base_profile import BaseProfile
from sim_envs.spec import Hidden

Pose: TypeAlias = tuple[float, float, float]
_SETTLED = 1e-6  # [m/s, rad/s]: less is left of a lagging command


class Drive:
    """Commands, ramped within the acceleration limits, delayed by the hidden lag, scaled by the hidden gain.

    On the ground the left wheel's radius differs by the hidden ``wheel_bias``, and ``slip`` loses part of the
    way; encoders see neither.
    """

    def __init__(self, profile: BaseProfile) -> None:
        self.profile = profile
        self._half = profile.wheel_separation / 2
        self._limits = profile.max_linear_acceleration, profile.max_angular_acceleration

    def begin(self, hidden: Hidden) -> None:
        """At rest, with that hidden part."""
        self.hidden = hidden
        mean = 1.0 + hidden.wheel_bias / 2
        hold = 1.0 - hidden.slip
        self._ground = (1.0 + hidden.wheel_bias) / mean * hold, 1.0 / mean * hold
        self._wanted = self._ramped = self._lagged = (0.0, 0.0)
        self._wheels = (0.0, 0.0)  # [m/s] at the rims of left and right, as commanded
        self._true = (0.0, 0.0)

    def command(self, linear: float, angular: float) -> None:
        """Wanted velocities [m/s, rad/s], clipped to the limits; not finite raises ``ValueError``."""
        if not (math.isfinite(linear) and math.isfinite(angular)):
            raise ValueError(f"velocity is {linear!r} m/s, {angular!r} rad/s; both must be finite")
        self._wanted = (
            _clip(linear, self.profile.max_linear),
            _clip(angular, self.profile.max_angular),
        )

    def command_for(self, linear: float, angular: float) -> tuple[float, float]:
        """The command that truly gives these velocities [m/s, rad/s], for who knows what is hidden."""
        turning, gain = angular * self._half, self.hidden.gain
        left = (linear - turning) / (gain * self._ground[0])
        right = (linear + turning) / (gain * self._ground[1])
        return (left + right) / 2, (right - left) / (2 * self._half)

    def _motors(self, period: float) -> None:
        """One step of ramp and lag; then what wheels and ground make of it."""
        (v, w), (v_now, w_now), hidden = self._wanted, self._ramped, self.hidden
        most_v, most_w = self._limits[0] * period, self._limits[1] * period
        v, w = v_now + _clip(v - v_now, most_v), w_now + _clip(w - w_now, most_w)
        self._ramped = (v, w)
        if hidden.lag > 0.0:
            rest = math.exp(-period / hidden.lag)
            dv, dw = rest * (self._lagged[0] - v), rest * (self._lagged[1] - w)
            if abs(dv) > _SETTLED or abs(dw) > _SETTLED:
                v, w = v + dv, w + dw
        self._lagged = (v, w)
        turning = w * self._half
        left, right = hidden.gain * (v - turning), hidden.gain * (v + turning)
        self._wheels = (left, right)
        left, right = left * self._ground[0], right * self._ground[1]
        self._true = ((left + right) / 2, (right - left) / (2 * self._half))


def _clip(value: float, limit: float) -> float:
    return -limit if value < -limit else limit if value > limit else value


def wrapped(angle: float) -> float:
    """The angle [rad] in [-pi, pi]."""
    return angle if -math.pi <= angle <= math.pi else math.atan2(math.sin(angle), math.cos(angle))
