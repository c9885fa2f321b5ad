"""Measurements of this repository; run from its root, not installed."""
