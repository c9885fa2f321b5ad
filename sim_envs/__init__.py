"""Worlds for language-conditioned meta-learning: robots, tasks and what is hidden in them.

Importing registers the ids with Gymnasium; physics starts when an environment is made.
"""

import gymnasium

ENV_IDS = ("MetaGrasp-v0", "MetaNavigate-v0")

gymnasium.register("MetaGrasp-v0", entry_point="sim_envs.tasks.grasp:GraspEnv")
gymnasium.register("MetaNavigate-v0", entry_point="sim_envs.tasks.navigate:NavigateEnv")
