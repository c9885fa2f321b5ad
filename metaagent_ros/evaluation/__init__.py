"""Evaluation: success before and after adaptation on held-out tasks, beside baselines, with intervals."""
