"""Every table of the lake, by name."""

from ops.core.key_schemas import DIALOGUE_BANDS
from ops.core.measure_schemas import (
    CANARIES,
    CANARY_RULES,
    CHECKPOINTS,
    CONTRADICTION_RATES,
    CORPUS_JOBS,
    EMBEDDINGS,
    LIKELIHOODS,
    MEASURES_GATES,
    MODALITY_STATISTICS,
    REGIONS,
    REWARD_AUDIT,
    STEP_COSTS,
)
from ops.core.schemas import (
    BOXES,
    DIALOGUES,
    DROP_FILES,
    DROPS,
    EXAMPLES,
    IMAGES,
    PREFERENCES,
    PROMPTS,
    QUARANTINE,
    TURNS,
    TableSpec,
)
from ops.core.version_schemas import (
    CALIBRATIONS,
    CURATED,
    CURRICULUM,
    DECISIONS,
    LABELS,
    OVERRIDES,
    SAMPLES,
    VERDICTS,
    VERSIONS,
)

TABLES: dict[str, TableSpec] = {
    spec.name: spec
    for spec in (
        EXAMPLES,
        IMAGES,
        PREFERENCES,
        TURNS,
        DIALOGUES,
        DIALOGUE_BANDS,
        PROMPTS,
        BOXES,
        QUARANTINE,
        DROPS,
        DROP_FILES,
        MEASURES_GATES,
        EMBEDDINGS,
        LIKELIHOODS,
        REGIONS,
        VERDICTS,
        CURATED,
        CURRICULUM,
        VERSIONS,
        DECISIONS,
        OVERRIDES,
        SAMPLES,
        LABELS,
        CALIBRATIONS,
        MODALITY_STATISTICS,
        CANARIES,
        CANARY_RULES,
        CONTRADICTION_RATES,
        CORPUS_JOBS,
        CHECKPOINTS,
        REWARD_AUDIT,
        STEP_COSTS,
    )
}
