"""What texts say, by rules and counts: statements, parts, likeness, fingerprints."""
