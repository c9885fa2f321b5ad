"""Meta-learning: parameter arithmetic, Reptile's outer loop, joint pretraining."""
