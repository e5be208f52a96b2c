"""Who hears of what went wrong while nobody looked."""
