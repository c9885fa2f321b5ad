"""A lifecycle node that can start by itself: configured at once, activated as soon as it is ready."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from metaagent_ros.graph import Value
from metaagent_ros.nodes.parameters import declare
from metaagent_ros.nodes.running import THROTTLE, wall_timer

AGAIN_S = 0.1  # between two looks whether it is ready
PATIENCE_S = 2.5  # before it complains


class ManagedNode(LifecycleNode):
    """Subclasses say what the transitions do: :meth:`set_up`, :meth:`lacking`, :meth:`begin`, :meth:`rest`.

    With the parameter ``autostart`` no ``change_state`` is needed; once active, it is left to whoever
    deactivates the node.
    """

    def __init__(self, name: str, context: Context | None = None, **options: Any) -> None:
        super().__init__(name, context=context, **options)
        self.values: Mapping[str, Value] = declare(self, name)
        self.refusal, self._since = "", time.monotonic()
        self._starts = bool(self.values["autostart"])
        if self._starts and self.trigger_configure() != TransitionCallbackReturn.SUCCESS:
            raise ValueError(self.refusal)
        self._starter = wall_timer(self, AGAIN_S, self._start)

    @property
    def lifecycle(self) -> str:
        """The label of its lifecycle state."""
        return str(self._state_machine.current_state[1])

    @property
    def active(self) -> bool:
        """Whether it may act."""
        return self.lifecycle == "active"

    @property
    def starting(self) -> bool:
        """Whether it will become active by itself."""
        return self._starts

    def set_up(self) -> None:
        """Make what is needed; raises ``ValueError`` where that cannot be."""

    def lacking(self) -> str:
        """What stands against becoming active; empty: nothing."""
        return ""

    def begin(self) -> None:
        """It becomes active."""

    def rest(self) -> None:
        """It stops being active: blocks until that is safe."""

    def tear_down(self) -> None:
        """Free what :meth:`set_up` made; twice is fine."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Refused, with the cause in the log, where the parameters do not hold."""
        try:
            self.set_up()
        except ValueError as error:
            return self._refused(str(error))
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Refused, with the difference, where something is lacking."""
        if lacking := self.lacking():
            return self._refused(lacking)
        self.refusal = ""
        self.begin()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """At rest first."""
        self._starts = False
        self.rest()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to how it began."""
        self.tear_down()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """At rest, and everything freed."""
        self._starts = False
        if state.label == "active":
            self.rest()
        self.tear_down()
        return super().on_shutdown(state)

    def destroy_node(self) -> None:
        """At rest first, wherever it stands."""
        if self.active:
            self.rest()
        super().destroy_node()
        self.tear_down()

    def _refused(self, why: str) -> TransitionCallbackReturn:
        self.refusal = why
        self.get_logger().error(f"refused: {why}")
        return TransitionCallbackReturn.FAILURE

    def _start(self) -> None:
        """Activate as soon as nothing stands against it; say what does."""
        if not self._starts or self.lifecycle != "inactive":
            return
        self.refusal = self.lacking()
        if self.refusal:
            if time.monotonic() - self._since > PATIENCE_S:
                self.get_logger().warning(
                    f"not active yet: {self.refusal}", throttle_duration_sec=5 * THROTTLE
                )
            return
        self.trigger_activate()
        self._starts = not self.active
        self.get_logger().info(self.lifecycle)
