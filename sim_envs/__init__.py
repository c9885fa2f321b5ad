"""Worlds for language-conditioned meta-learning: robots, tasks and what is hidden in them."""
