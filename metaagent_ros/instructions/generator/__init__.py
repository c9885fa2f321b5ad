"""The seeded generator of sentences, plans and provenance: what the default parser learns from."""
