"""The 2D point world against its rules, and that MAML learns to adapt in it."""

import json
from dataclasses import replace

import pytest
import torch

from metaagent_ros.meta.policy_maml import PolicyMaml
from metaagent_ros.meta.reproduce import point2d
from metaagent_ros.meta.reproduce.point_world import Goal, PointWorld, draw_goals, move

torch.set_num_threads(1)


def constant(*velocity: float):
    return lambda seen, which: torch.tensor(velocity).expand(seen.shape)


def rolled(goal: Goal, *velocity: float, horizon: int = 100):
    return PointWorld(horizon).sample([goal], constant(*velocity), 2, torch.Generator())


def test_velocity_is_clipped_and_the_reward_is_the_distance_after_the_move():
    moved, reward, reached = move(torch.zeros(2), torch.tensor([0.7, -0.05]), torch.tensor([0.4, -0.45]))
    assert moved.tolist() == pytest.approx([0.1, -0.05])
    assert reward.item() == pytest.approx(-0.5)
    assert not reached
    for place, inside in (((0.009, -0.009), True), ((0.009, 0.02), False)):
        assert bool(move(torch.zeros(2), torch.zeros(2), torch.tensor(place))[2]) is inside


def test_an_episode_ends_at_the_goal_and_is_cut_at_the_horizon():
    found = rolled(Goal(0.3, 0.0), 0.1, 0.0)
    assert found.mask.sum(-1).tolist() == [[3.0, 3.0]]
    assert found.truncated.tolist() == [[0.0, 0.0]]
    assert found.returns().item() == pytest.approx(-0.3, abs=1e-6)  # 0.2 + 0.1 + 0
    assert found.final[0, 0].tolist() == pytest.approx([0.3, 0.0], abs=1e-6)
    still = rolled(Goal(0.3, 0.4), 0.0, 0.0)
    assert still.steps() == 200
    assert still.truncated.tolist() == [[1.0, 1.0]]
    assert still.returns().item() == pytest.approx(-50.0, abs=1e-3)


def test_those_that_arrived_wait_without_reward():
    world, goals = PointWorld(5), [Goal(0.1, 0.0), Goal(0.4, 0.0)]
    found = world.sample(goals, constant(0.1, 0.0), 1, torch.Generator())
    assert found.mask.sum(-1).flatten().tolist() == [1.0, 4.0]
    assert found.rewards[0, 0, 1:].tolist() == [0.0, 0.0, 0.0]
    assert found.final[0, 0].tolist() == pytest.approx([0.1, 0.0])


def test_goals_fill_the_square_and_follow_the_generator():
    goals = draw_goals(500, torch.Generator().manual_seed(3))
    places = torch.tensor([[g.x, g.y] for g in goals])
    assert 0.48 < float(places.abs().max()) <= 0.5
    assert goals == draw_goals(500, torch.Generator().manual_seed(3))
    assert not set(goals) & set(draw_goals(500, torch.Generator().manual_seed(4)))


def test_the_result_is_ready_for_json(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(point2d, "GOALS", 2)
    monkeypatch.setattr(point2d, "HELD_OUT", 3)
    monkeypatch.setattr(point2d, "REPEATS", 1)
    monkeypatch.setattr(point2d, "HORIZON", 6)
    said: list[str] = []
    result = point2d.run(seed=1, iterations=2, say=said.append)
    assert json.loads(json.dumps(result)) == result
    for name in ("maml", "fomaml", "reptile", "pretrained"):
        assert len(result[name]) == len(result["intervals"][name]) == 4
        assert all(value < 0 for value in result[name])
    spent = result["env_steps"]
    assert set(result["step_sizes"]) == {"reptile", "pretrained"}
    assert spent["maml"] <= spent["reptile"] and spent["maml"] <= spent["pretrained"]
    assert result["seed"] == 1 and result["paper"]["maml"][1] == -11.68
    assert any(line.startswith("pretrained") for line in said)
    with pytest.raises(ValueError, match="iterations is 0"):
        point2d.run(iterations=0)


@pytest.mark.slow
def test_a_few_meta_steps_teach_it_to_adapt():
    config = replace(point2d.CONFIG, inner_steps=1)
    learner = PolicyMaml(point2d.new_policy(0), PointWorld(), config, 0)
    goals = torch.Generator().manual_seed(1)
    for _ in range(12):
        learner.meta_step(draw_goals(12, goals))
    before, after = learner.adapt_all(draw_goals(20, torch.Generator().manual_seed(2)), 1)[1].mean(0).tolist()
    assert after > before + 15.0
    assert after > -26.0  # standing still is -38
