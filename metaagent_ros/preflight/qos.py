"""Which policies of quality of service keep a publisher and a subscription apart (DDS 1.4, 2.2.3)."""

from __future__ import annotations

from metaagent_ros.preflight.observation import INFINITE, QoS

_KINDS = {
    "reliability": ("BEST_EFFORT", "RELIABLE"),
    "durability": ("VOLATILE", "TRANSIENT_LOCAL"),
    "liveliness": ("AUTOMATIC", "MANUAL_BY_TOPIC"),
}
"""From the weakest to the strongest."""
_TIMES = ("deadline", "lease")


def incompatible(offered: QoS, requested: QoS) -> tuple[str, ...]:
    """Each policy of which a publisher offers less than a subscription asks for; empty where they talk.

    A policy that discovery did not tell is taken to fit.
    """
    apart = []
    for name, order in _KINDS.items():
        given, asked = getattr(offered, name), getattr(requested, name)
        if given in order and asked in order and order.index(given) < order.index(asked):
            apart.append(f"{name} offered {given}, requested {asked}")
    for name in _TIMES:
        given, asked = getattr(offered, name), getattr(requested, name)
        if given > asked:
            apart.append(f"{name} offered {_time(given)}, requested {_time(asked)}")
    return tuple(apart)


def described(qos: QoS) -> str:
    """The policies in words; of the times those that are set."""
    words = [qos.reliability, qos.durability]
    if qos.deadline != INFINITE:
        words.append(f"deadline {_time(qos.deadline)}")
    if qos.liveliness != "AUTOMATIC" or qos.lease != INFINITE:
        words.append(f"liveliness {qos.liveliness} {_time(qos.lease)}")
    return ", ".join(words)


def _time(seconds: float) -> str:
    return "infinite" if seconds == INFINITE else f"{seconds:g} s"
