"""The demo: one sentence carried out in simulation, shown live, judged by the simulator's truth, reported."""
