"""Which answers of a preference example its export would hold: the best and the worst of several rated ones."""

from collections.abc import Mapping

import pyarrow as pa

from ops.core.arrow import rows_of
from ops.core.schemas import PREFERENCES
from ops.core.stored import StoredExample
from ops.core.turns import CANDIDATE_ROLES, message_text
from ops.exports.contract import Judged
from ops.exports.conversation import best_and_worst
from ops.exports.ratings import ExampleVote, Judgements, by_response
from ops.preflight.examples import Ranked
from resources.lake.tables import Lake

_VOTES = ["example_id", "response", "label", "rating", "rating_scale"]
_NOTHING = (None, None, None)


def ranked_answers(lake: Lake, examples: pa.Table, scope: Mapping[str, object]) -> dict[str, Ranked]:
    """Of the preferences among these examples, by id: the texts of the two answers that make a pair, of the one that is
    labelled, or none where no answer is better than another."""
    preferences = [row for row in rows_of(examples, StoredExample) if row["kind"] == "preference"]
    if not preferences:
        return {}
    where = {**scope, "example_id": [row["example_id"] for row in preferences]}
    votes: dict[str, list[ExampleVote]] = {}
    for vote in rows_of(lake.read(PREFERENCES, where=where, columns=_VOTES), ExampleVote):
        if vote["label"] in ("good", "bad") or vote["rating"] is not None:
            votes.setdefault(vote["example_id"], []).append(vote)
    return {row["example_id"]: _ranked(row, by_response(votes.get(row["example_id"], []))) for row in preferences}


def _ranked(example: StoredExample, judgements: Judgements) -> Ranked:
    responses = [
        Judged(text := message_text(message), message["role"], *judgements.get(text, _NOTHING))
        for message in example["messages"] or ()
        if message["role"] in CANDIDATE_ROLES
    ]
    pair = best_and_worst(responses)
    if pair is not None:
        return pair.chosen, pair.rejected
    return (responses[0].text,) if len(responses) == 1 and responses[0].label else ()
