"""Why a trainer does not read a row as it stands, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """`says` goes after "the row ..." in tables; `fix` tells whoever owns the data or the run what to do."""

    says: str
    fix: str


REASONS = {
    "too_long": Reason(
        "is longer than a sequence may be",
        "raise the length, lower the pixels of a picture, or split the conversation",
    ),
    "not_cut": Reason(
        "is longer than a sequence is meant to be, and the trainer does not cut it",
        "see that the memory reaches, lower the pixels of a picture, or leave the row out",
    ),
    "answer_cut": Reason(
        "loses the end of its answers",
        "raise the length, lower the pixels of a picture, or shorten the row: the model learns to stop in mid-sentence",
    ),
    "prompt_cut": Reason(
        "loses part of its questions",
        "raise the length: the answer is learnt without what it answers",
    ),
    "no_answer_left": Reason(
        "keeps nothing of its answers",
        "raise the length or leave the row out: it costs a step and teaches nothing",
    ),
    "image_cut": Reason(
        "has a picture cut in half, so that the model stops: image tokens and features differ",
        "raise the length above the tokens of the pictures, lower their pixels, or leave the row out",
    ),
    "model_token": Reason(
        "has the model's own image token in its text, so that the model stops: image tokens and features differ",
        "take the token out of the text",
    ),
    "placeholder_mismatch": Reason(
        "has another number of placeholders than of pictures",
        "mend the row, or leave it to Assay's ingest, which quarantines it",
    ),
    "placeholder_added": Reason(
        "has fewer placeholders than pictures; the trainer puts the rest before the first message",
        "write a placeholder where each picture belongs",
    ),
    "placeholder_literal": Reason(
        "has more placeholders than pictures; the rest is learnt as text",
        "take the rest out of the text, or name the missing picture",
    ),
    "foreign_placeholder": Reason(
        "writes <video> or <audio> in its text, which the trainer takes for a placeholder",
        "write it otherwise in the text",
    ),
    "image_missing": Reason(
        "names a picture whose file is not there", "put the file where the row names it, or leave the row out"
    ),
    "image_broken": Reason("has a picture that does not decode", "replace the file, or leave the row out"),
    "image_refused": Reason(
        "has a picture that the model's processor refuses", "crop or resize it beforehand, or leave the row out"
    ),
    "image_bomb": Reason(
        "has a picture of more pixels than Pillow opens", "make it smaller beforehand, or leave the row out"
    ),
    "too_many_images": Reason("has more pictures than the model takes", "leave the row out, or split it"),
    "role_order": Reason(
        "has its turns in an order that the trainer refuses", "alternate user and assistant, with the system first"
    ),
    "unknown_role": Reason("has a role that the trainer does not know", "rename the role"),
    "no_content": Reason("has a message without content", "write the content, or leave the message out"),
    "no_messages": Reason("has no messages", "leave the row out"),
    "no_target": Reason(
        "ends without an answer, so that nothing is learnt from it", "add the answer, or leave the row out"
    ),
    "misjudged": Reason(
        "has a good answer of no text, which is trained as a bad one", "write the answer, or leave the row out"
    ),
    "call_broken": Reason(
        "has a call of a tool that names no tool or no arguments in JSON", "mend the call, or leave the row out"
    ),
    "tools_broken": Reason("lists tools that are no objects in JSON", "mend the list, or leave the row out"),
    "no_rejected": Reason("stands among pairs without a rejected answer", "write the answer, or leave the row out"),
    "same_responses": Reason("has the same chosen and rejected answer", "leave the row out"),
    "boxes_moved": Reason(
        "names pixels of a picture that the model sees at another size, or on its side",
        "write boxes in the convention that the model expects, or keep the picture's size",
    ),
    "image_resized": Reason(
        "has a picture that the model sees much smaller or larger",
        "raise the pixels of a picture where small things matter",
    ),
    "kind_left_out": Reason(
        "is of a kind that the export for the trainer does not hold",
        "export it for a trainer of such rows (prompts: easyr1, ms-swift-grpo, trl-grpo, verl)",
    ),
    "losses_left_out": Reason(
        "has an answer without loss or with a weight of its own, which the export for the trainer cannot say",
        "export it for ms-swift, or leave it out",
    ),
    "tools_left_out": Reason(
        "has turns of tools, which the export for the trainer cannot hold", "export it for another trainer"
    ),
    "order_left_out": Reason(
        "has no turns in pairs of a question and an answer, which the trainer wants",
        "alternate user and assistant, with the system first, or export it for a trainer that takes any order",
    ),
    "picture_left_out": Reason(
        "has a picture in an answer or a system prompt, where the trainer looks for none",
        "put it into a question, or export it for another trainer",
    ),
    "rank_left_out": Reason(
        "has no answer that is better than another, and none with a label", "rate its answers, or leave it out"
    ),
    "truth_left_out": Reason("has no ground truth, without which nothing can be rewarded", "write the ground truth"),
    "turns_left_out": Reason("is of several turns, and the trainer asks one question", "export it for another trainer"),
    "other_kind": Reason(
        "is an answer to learn where the rules are of prompts, or the other way round",
        "name the trainer by what it does with such rows (prompts: easyr1, ms-swift-grpo, trl-grpo, verl)",
    ),
    "not_forecast": Reason("is of a kind that these rules do not cover", "try the trainer itself on it"),
    "file_unknown": Reason("names a picture that nobody could look at", "give the folder of the files"),
}
"""By code."""


def fix_of(reason: str) -> str:
    """What to do about it; empty where there is nothing to do."""
    return REASONS[reason].fix if reason else ""
