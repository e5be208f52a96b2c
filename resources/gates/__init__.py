"""Gates, judged by Great Expectations over facts counted from the lake."""
