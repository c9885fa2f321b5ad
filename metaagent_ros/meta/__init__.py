"""Meta-learning: Reptile over SB3, MAML, pretraining, and the ways to adapt a policy to a task."""
