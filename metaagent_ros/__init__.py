"""Instruction in, safe robot command out, with a policy that adapts in a few trials."""

__version__ = "0.1.0"
