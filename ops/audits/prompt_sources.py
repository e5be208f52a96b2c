"""What audits of prompts must know of a drop as a whole: the facts of its sources."""

from collections.abc import Iterable, Mapping

from ops.audits.contract import Fit
from ops.evidence.inputs import RowInputs
from ops.prompts.sources import SourceFacts, example_facts, merged_facts


def _sketch(inputs: RowInputs, settings: object) -> dict[str, SourceFacts]:
    return example_facts(inputs.examples)


def _merge(parts: Iterable[Mapping[str, SourceFacts]], settings: object) -> dict[str, SourceFacts]:
    return merged_facts(parts)


PROMPT_SOURCES = Fit(_sketch, _merge)
