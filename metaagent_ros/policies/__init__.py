"""Policies: the SB3 factory, files without code, fast inference."""
