"""What a trainer's export leaves out: examples that its rows cannot hold, and that the trainer never meets."""

from collections.abc import Sequence

from ops.core.stored import StoredExample
from ops.core.turns import CANDIDATE_ROLES, GROUND_TRUTH, ROLLOUT
from ops.intake.loss_weights import loss_weights
from ops.intake.row import CONTEXT
from ops.intake.turn_order import are_pairs, shows_in_answers
from ops.preflight.contract import Carries

_ENDS = (*CANDIDATE_ROLES, GROUND_TRUTH, ROLLOUT)


def left_out(example: StoredExample, carries: Carries) -> str:
    """Why the export does not hold the example, a code of `ops.preflight.reasons`; empty where it does."""
    kind, messages = example["kind"], example["messages"] or []
    if kind not in carries.kinds:
        return "kind_left_out"
    turns = [message for message in messages if message["role"] not in _ENDS]
    roles = [message["role"] for message in turns]
    illustrated = {
        message["role"] for message in turns if any(part["type"] == "image" for part in message["parts"] or ())
    }
    if _has_unwritten_losses(example, roles, carries):
        return "losses_left_out"
    if not carries.tools and "tool" in roles:
        return "tools_left_out"
    is_ordered = are_pairs(roles, ends_in_question=kind == "preference", joins_answers=carries.joins_answers)
    if carries.in_pairs and not is_ordered:
        return "order_left_out"
    if not carries.shown_answers and shows_in_answers(illustrated):
        return "picture_left_out"
    if carries.needs_truth and all(message["role"] != GROUND_TRUTH for message in messages):
        return "truth_left_out"
    is_question = [role for role in roles if role != "system"] == ["user"]
    return "turns_left_out" if carries.one_question and not is_question else ""


def _has_unwritten_losses(example: StoredExample, roles: Sequence[str], carries: Carries) -> bool:
    """Whether the turns, of these roles, or a judged answer count for a loss in a way that the export cannot say."""
    weighed = [
        message["role"]
        for message, weight in zip(
            example["messages"] or (), loss_weights(example["metadata"] or "") or (), strict=False
        )
        if weight is not None
    ]
    if example["kind"] == "preference":
        return any(role in CANDIDATE_ROLES for role in weighed)
    if example["kind"] != "sft":
        return False
    return any(role != "assistant" for role in weighed) if carries.masks_answers else bool(weighed) or CONTEXT in roles
