"""From measures to a version: policy, verdicts, mix, difficulty, curriculum, log of versions."""
