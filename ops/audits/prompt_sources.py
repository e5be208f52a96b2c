"""What audits of prompts must know of a drop as a whole: the facts of its sources."""

from ops.audits.contract import Fit
from ops.prompts.sources import example_facts, merged_facts

PROMPT_SOURCES = Fit(sketch=example_facts, merge=merged_facts)
