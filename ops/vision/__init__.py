"""What pictures look like without a model: colours, edges, groups of alike ones, places of phrases."""
