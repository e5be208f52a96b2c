"""What trainers that read turns in pairs ask of a conversation: their order, and where its pictures stand."""

from collections.abc import Collection, Sequence

from ops.intake.row import CONTEXT

_ANSWERS = ("assistant", CONTEXT)


def are_pairs(roles: Sequence[str], *, ends_in_question: bool, joins_answers: bool = False) -> bool:
    """Whether, after at most one system prompt, turns of the user (or a tool) and answers come in turn, the last of
    them an answer, or the question. `joins_answers`: several answers in a row are one."""
    turns = roles[1:] if roles[:1] == ["system"] else roles
    answers = [role in _ANSWERS for role in turns]
    if joins_answers:
        kept = [place for place, is_answer in enumerate(answers) if not (is_answer and place and answers[place - 1])]
        turns, answers = [turns[place] for place in kept], [answers[place] for place in kept]
    alternate = answers == [place % 2 == 1 for place in range(len(turns))] and "system" not in turns
    return alternate and len(turns) % 2 == ends_in_question


def shows_in_answers(roles_with_pictures: Collection[str]) -> bool:
    """Whether a picture stands in an answer or a system prompt."""
    return not {*_ANSWERS, "system"}.isdisjoint(roles_with_pictures)
