"""What every other room of ops stands on: the lake's schemas, identity, turns, look-ups by content, errors."""
