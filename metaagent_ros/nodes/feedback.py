"""Progress and outcome of an execution, to the action's messages and back."""

from __future__ import annotations

import hashlib
import math

from metaagent_interfaces.action import Adapt, ExecuteInstruction
from metaagent_interfaces.msg import GuardStatus, PolicyStatus
from metaagent_ros.control.execution import Outcome, Progress
from metaagent_ros.control.reports import GuardReport, PolicyReport
from metaagent_ros.nodes.conversions import plan_message, plan_value, task_message, task_value
from metaagent_ros.policies.files import PolicyFile

_GOOD = 0.5  # success rate from which on a trial counts as a success


def progress_message(progress: Progress, instruction: str) -> ExecuteInstruction.Feedback:
    """Feedback; without a trial the success rate is NaN."""
    out = ExecuteInstruction.Feedback(stage=progress.stage, message=progress.message, step=int(progress.step))
    if progress.plan is not None:
        out.plan = plan_message(progress.plan, instruction)
    if progress.task is not None:
        out.task = task_message(progress.task)
    rate = math.nan if progress.success_rate is None else float(progress.success_rate)
    out.trial, out.success_rate, out.trial_success = int(progress.trial or 0), rate, rate >= _GOOD
    out.trial_return, out.env_steps = float(progress.mean_return or 0.0), int(progress.env_steps or 0)
    return out


def progress_value(m: ExecuteInstruction.Feedback) -> Progress:
    """The inverse of :func:`progress_message`."""
    none = math.isnan(m.success_rate)
    return Progress(
        m.stage,
        m.message,
        plan_value(m.plan) if m.plan.status else None,
        int(m.step),
        task_value(m.task) if m.task.spec.skill else None,
        None if none else int(m.trial),
        None if none else float(m.success_rate),
        None if none else float(m.trial_return),
        None if none else int(m.env_steps),
    )


def outcome_message(outcome: Outcome, instruction: str) -> ExecuteInstruction.Result:
    """The result of ``execute_instruction``."""
    out = ExecuteInstruction.Result(status=outcome.status, message=outcome.message)
    if outcome.plan is not None:
        out.plan = plan_message(outcome.plan, instruction)
    out.curve = [float(rate) for rate in outcome.curve]
    out.rolled_back = bool(outcome.rolled_back)
    return out


def outcome_value(m: ExecuteInstruction.Result) -> Outcome:
    """The inverse of :func:`outcome_message`."""
    plan = plan_value(m.plan) if m.plan.status else None
    return Outcome(m.status, m.message, plan, tuple(map(float, m.curve)), bool(m.rolled_back))


def trial_message(number: int, success_rate: float, mean_return: float) -> Adapt.Feedback:
    """Feedback of ``adapt``."""
    return Adapt.Feedback(
        trial=int(number),
        trial_success=bool(success_rate >= _GOOD),
        success_rate=float(success_rate),
        trial_return=float(mean_return),
        stage="adapt",
    )


def adapt_message(policy: PolicyFile, rates: tuple[float, ...], kept: bool) -> Adapt.Result:
    """The result of ``adapt``: ``rates`` before any trial and after each, ``kept``: rolled back."""
    before, after = (rates[0], max(rates)) if rates else (0.0, 0.0)
    data = policy.dumps()
    out = Adapt.Result(success=True, rolled_back=bool(kept), message="adapted")
    out.success_before, out.success_after = float(before), float(before if kept else after)
    out.parameters, out.sha256 = data, hashlib.sha256(data).hexdigest()
    return out


def policy_report(m: PolicyStatus) -> PolicyReport:
    """A status of the policy node."""
    return PolicyReport(m.run_id, m.state, int(m.ticks), m.message)


def guard_report(m: GuardStatus) -> GuardReport:
    """A status of the guard."""
    counts = int(m.passed), int(m.limited), int(m.rejected)
    return GuardReport(m.state, *counts, m.message, m.lifecycle, m.commander, bool(m.estop))
