"""Versions: judged, published, compared, explained, tried under another policy."""
