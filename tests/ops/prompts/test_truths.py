"""Ground truths and answers, read by the rules that verify them."""

import pytest

from ops.boxes.geometry import Corners, overlap
from ops.prompts import mathematics
from ops.prompts.answers import is_right
from ops.prompts.asked import Asked
from ops.prompts.rules import check_rules, rules_of
from ops.prompts.truths import options, read_truth, truth_key

LISTED = "Which is it?\nA. cat\nB. dog\nC. a red car"


@pytest.mark.parametrize(
    ("rule", "truth", "value"),
    [
        ("number", "1,234.50", "1234.5"),
        ("number", "$3$", "3"),
        ("number", "-0.5", "-0.5"),
        ("number", "3/4", "0.75"),
        ("number", "12%", "12"),
        ("number", "He has 3 and 4.\n#### 7", "7"),
        ("number", "<answer> 145° </answer>", "145"),
        ("number", "several", None),
        ("number", "two", None),
        ("number", "12 or 13", None),
        ("number", "", None),
        ("choice", "(b)", "B"),
        ("choice", "B. dog", "B"),
        ("choice", "a red car", "C"),
        ("choice", "D", None),
        ("choice", "dog or cat", None),
        ("box", "[1, 2, 30, 40]", (1, 2, 30, 40)),
        ("box", '{"bbox_2d": [1, 2, 30, 40]}', None),
        ("box", "[30, 40, 1, 2]", None),
        ("box", "[1, 2, 1, 40]", None),
        ("box", "[1, 2, 3]", None),
        ("mathematics", r"\frac{3}{4}", r"\frac{3}{4}"),
        ("mathematics", r"\boxed{x^2 + 1}", "x^2 + 1"),
        ("mathematics", r"\text{east}", r"\text{east}"),
        ("mathematics", r"3\sqrt{5", None),
        ("mathematics", "several of them", None),
        ("string", "a red car", "a red car"),
        ("string", "  ", None),
    ],
)
def test_a_truth_is_read_by_its_rule(rule: str, truth: str, value: object):
    read = read_truth(rule, truth, question=LISTED)
    assert (read.boxes if rule == "box" else read.values) == (() if value is None else (value,))
    assert bool(read.why) == (value is None)


def test_boxes_of_another_convention_have_no_order_of_corners():
    assert read_truth("box", "[300, 40, 50, 60]", corners=False).boxes == ((300, 40, 50, 60),)


def test_a_json_list_gives_alternatives():
    truth = read_truth("string", '["five", "5"]', is_json=True)
    assert truth.values == ("five", "5")
    assert is_right("5", truth, "")
    assert is_right("<answer>Five.</answer>", truth, "")
    assert not is_right("<answer>six</answer>", truth, "")


def test_options_are_read_where_they_are_listed():
    assert options(LISTED) == {"A": "cat", "B": "dog", "C": "a red car"}
    assert options("Pick (A) cat (B) dog") == {"A": "cat", "B": "dog"}
    assert options("Is A. Smith in the picture?") == {}
    assert options("B. dog\nC. cat") == {}


@pytest.mark.parametrize(
    ("rule", "truth", "response", "right"),
    [
        ("number", "4", "<think>5?</think><answer>4</answer>", True),
        ("number", "4", "The answer is 5.", False),
        ("number", "4", "<answer>four dogs</answer>", True),
        ("number", "4", "I see four cats and 2 dogs in this picture.", False),
        ("number", "4", "There may be 4, or 5, who knows.", None),
        ("number", "4", "I cannot tell.", None),
        ("number", "4", "<answer>no idea</answer>", False),
        ("number", "1234", "#### 1,234", True),
        ("choice", "B", "The correct option is B.", True),
        ("choice", "B", "dog", True),
        ("choice", "B", r"\boxed{C}", False),
        ("choice", "B", "It could be a dog, but it has the ears of a cat and the wheels of a car.", None),
        ("box", "[0, 0, 10, 10]", "<answer>[0, 0, 10, 9]</answer>", True),
        ("box", "[0, 0, 10, 10]", "[20, 20, 30, 30]", False),
        ("box", "[0, 0, 10, 10]", "It is on the left.", None),
        ("mathematics", r"\frac{3}{4}", r"\boxed{0.75}", True),
        ("mathematics", r"\frac{3}{4}", r"So it is \boxed{\frac{4}{3}}.", False),
        ("mathematics", "2x+2", "<answer>2(x+1)</answer>", True),
        ("string", "Yes", "yes, it is", True),
        ("string", "a red car", "<answer>A Red Car.</answer>", True),
        ("string", "a red car", "I believe that what we see here is a red car", None),
    ],
)
def test_an_answer_is_compared_by_the_rule(rule: str, truth: str, response: str, right: bool | None):
    assert is_right(response, read_truth(rule, truth, question=LISTED), LISTED) is right


def test_mathematics_is_what_math_verify_reads():
    assert mathematics.equal("1/2", "0.5") is True
    assert mathematics.equal("x=3", "3") is True
    assert mathematics.equal("several", "several") is None
    assert mathematics.parsed("9" * 3000) is None


def test_boxes_overlap_by_their_union():
    assert overlap(Corners(0, 0, 10, 10), Corners(5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap(Corners(0, 0, 10, 10), Corners(10, 0, 20, 10)) == 0


def test_truths_that_say_the_same_have_one_key():
    same = [("2", "2.0", "two", "<answer>2</answer>"), ("(b)", "B", "B."), ("Yes", "yes, it is"), ("A cat", "cat")]
    for truths in same:
        assert len({truth_key(truth, is_json=False) for truth in truths}) == 1, truths
    assert truth_key('["5", "five"]', is_json=True) == truth_key('["five", "5"]', is_json=True)
    assert len({truth_key(truth, is_json=False) for truth in ("2", "3", "yes", "B", "cat", "dog")}) == 6


def prompt(truth: str, question: str = "What?", *, style: str | None = "rule", source: str | None = "s") -> Asked:
    return Asked(0, question, question, truth, False, style, source, ())


def test_the_rule_is_named_known_or_read_from_the_source():
    numbers = [prompt(str(n)) for n in range(12)]
    mixed = [prompt(text, source="m") for text in ("a cat", "3", "yes", "red", "two dogs")]
    odd = [
        prompt("several"),
        prompt("B", style="multiple-choice"),
        prompt("4", source="openai/gsm8k"),
        prompt("print(1)", source="codeforces"),
        prompt("B", LISTED, source="m"),
        prompt("many", "How many dogs are there?", source="m"),
    ]
    prompts = [*numbers, *mixed, *odd]
    rules = rules_of(prompts, [""] * len(prompts), {})
    assert [(ruled.rule, ruled.origin) for ruled in rules[12:]] == [
        *[("string", "truths")] * 5,
        ("number", "truths"),
        ("choice", "style"),
        ("number", "source"),
        (None, "source"),
        ("choice", "question"),
        ("number", "question"),
    ]
    named = rules_of(mixed, ["zoo/x"] * len(mixed), {"zoo/*": "number"})
    assert {(ruled.rule, ruled.origin) for ruled in named} == {("number", "settings")}
    with pytest.raises(ValueError, match="'figure' is no rule; there are number"):
        check_rules({"a": "figure"})


def test_mathematics_beside_numbers_is_the_rule_of_both():
    prompts = [prompt(f"\\frac{{1}}{{{n}}}" if n % 2 else str(n)) for n in range(2, 14)]
    assert {ruled.rule for ruled in rules_of(prompts, [""] * 12, {})} == {"mathematics"}


def test_boxes_are_no_corners_where_many_are_out_of_order():
    corners = [prompt(f"[{n}, {n}, {n + 5}, {n + 5}]") for n in range(12)]
    sizes = [prompt(f"[{9 * n}, {9 * n}, 5, 5]") for n in range(12)]
    assert {(ruled.rule, ruled.corners) for ruled in rules_of(corners, [""] * 12, {})} == {("box", True)}
    assert {(ruled.rule, ruled.corners) for ruled in rules_of(sizes, [""] * 12, {})} == {("box", False)}
