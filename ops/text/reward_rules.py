"""Words of judges inside a line, before or behind an answer: "a red bus, score 4/5", "yes reward 0.9".

What tells them from a picture of a score: they stand at the very end or start, apart from the answer (behind a mark, or
without a word that would bind them to it: "a score of 9"), they end there, and their number is on a judge's scale. What
pictures show too ("score 5" on a scoreboard) is no trace where the answer or the question speaks of something that
carries scores. English; every rule carries examples, which are its tests.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

Pair = tuple[str, str]
"""A question and an answer."""


@dataclass(frozen=True, slots=True)
class InlineRule:
    """One `form`, a pattern. `kind` is that of the trace, `place` where it stands; `depictable` says whether pictures
    show such too. The pattern's group `trace` is what is found, in the first or the last `WINDOW` characters of an
    answer. `honest` are answers that look alike and are none."""

    name: str
    kind: Literal["rating", "comparison", "field_label"]
    place: Literal["end", "start"]
    form: str
    depictable: bool
    examples: tuple[str, ...]
    honest: tuple[Pair, ...] = ()

    @property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when it is first looked for: all of them take a quarter of a second."""
        return _compiled(self.form)


WINDOW = 160
"""Characters at either end of an answer that are looked at: more than a trace and what parts it from the answer."""

_COUNT = r"(?:zero|one|two|three|four|five|six|seven|eight|nine|ten)"
_OUT_OF = rf"(?:\d{{1,2}}(?:\.\d{{1,2}})? ?(?:/|out of|of) ?(?:5|10|100)|{_COUNT} out of (?:five|ten))(?!\w)"
_DECIMAL = r"[+-]?\d{1,2}\.\d{1,6}(?!\w)"
_STEP = r"(?:10|\d)(?!\w)"
_FIGURE = rf"[\[(]{{0,2}}(?:{_OUT_OF}|{_DECIMAL}|[+-]?{_STEP})[\])]{{0,2}}"
_WHOSE = r"(?:(?:overall|final|total|average|mean|my|judge|model|rm|human|preference|quality)[ _-])?"
_REWARD = (
    rf"(?:{_WHOSE}reward|(?:reward|rm|judge|preference)[ _-]score|helpfulness|harmlessness|correctness|faithfulness|"
    r"coherence|verbosity|truthfulness|informativeness)"
)
_SCORE = rf"{_WHOSE}(?:score|rating)"
_GRADE = rf"{_WHOSE}(?:grade|quality|accuracy|relevance|overall)"
_IS = r"[\"']?(?: ?[:=] ?| (?:is |of )?)"
_SET = r"[\"']? ?[:=] ?"
#: A mark, or a bracket, behind which something of its own begins.
_APART = r"(?:[.!?;,|\n]\s{0,4}|\s[-–—]{1,2}\s{0,2}|\s?[(\[{#]{1,2}[\"']?)"
#: Words that make what follows a part of their own phrase.
_BINDS = (
    r"(?:an?|the|this|that|his|her|its|their|our|your|my|of|with|for|in|on|at|to|by|from|and|or|is|are|was|were|be|"
    r"has|have|had|shows?|reads?|says?|said|saying|line|word|words|high|low|best|top|new|final|overall|total|average|"
    r"mean|credit|they|we|you|i|can|will|may|could|would|cash|big|same)"
)
#: A plain word before it; "the Tigers score 5" is a sentence, where "yes score 5" is none.
_WORD = rf"(?<!\w)(?!{_BINDS}\s)(?!(?!yes\s)\w{{1,30}}(?<!s)s\s{{1,3}}scores?\b)\w{{1,30}}\s{{1,3}}"
_CLOSES = r"[\s.!\])}\"'>|]{0,4}\Z"
_OPENS = r"\A[\s*#\[({|]{0,4}[\"']?"
#: What parts a trace at the start from the answer.
_THEN = r"[\])}]?\s{0,2}(?:[.|:;,\n]|[-–—]{1,2})\s{0,4}(?=[\"'(]?[A-Za-z])"
_RATERS = (
    r"(?:(?:the |our |all |both |most |many |a majority of |\d{1,3} of \d{1,3} )?"
    r"(?:annotators?|raters?|judges?|labell?ers?|reviewers?|humans?|graders?|evaluators?)|(?:the )?(?:most|majority))"
)
_THIS = r"(?:this|the above|the previous|the (?:first|second)) (?:answer|response|reply|completion|caption|output)"
_PRAISE = (
    r"(?:(?:very |quite |fully |more |most |not |factually |mostly )?(?:helpful|accurate|correct|incorrect|inaccurate|"
    r"wrong|good|better|best|faithful|relevant|concise|unhelpful|hallucinated))"
)


@cache
def _compiled(form: str) -> re.Pattern[str]:
    return re.compile(form, re.IGNORECASE)


RULES: tuple[InlineRule, ...] = (
    InlineRule(
        "a reward behind the answer",
        "rating",
        "end",
        rf"(?:{_APART}|{_WORD})(?P<trace>{_REWARD}(?:{_SET}{_FIGURE}|{_IS}{_DECIMAL}|{_IS}{_OUT_OF})){_CLOSES}",
        False,
        (
            "The cat is red. reward 0.9",
            "yes reward 0.9",
            "a dog\nreward 0.9",
            "two (reward: -1.25)",
            "no helpfulness: 3",
            "no reward=1",
            "A boat on a lake, helpfulness 3.5/5",
        ),
        (
            ("What is the note about?", "The reward for the lost dog is $100."),
            ("What is the dog getting?", "A reward."),
            ("What is the poster about?", "A missing cat, with a reward of 50.00"),
        ),
    ),
    InlineRule(
        "a score behind the answer",
        "rating",
        "end",
        rf"(?:{_APART}|{_WORD})(?P<trace>(?:{_SCORE}|{_REWARD}){_IS}{_FIGURE}){_CLOSES}",
        True,
        (
            "blue score 5",
            "yes score 5",
            "a dog Score: 4/5",
            "A red bus. Rating: 4/5",
            "A man on a bench. Overall score: (8)",
            "circle | rating 7",
        ),
        (
            ("How did it end?", "The score is 5 to 3."),
            ("What happened?", "Player 9 scored 2 goals."),
            ("Describe it.", "A hotel that is rated 4.5 stars."),
            ("Describe it.", "A diver with a score of 9."),
            ("Describe it.", "The Tigers score 5"),
            ("Describe it.", "A scoreboard in a gym, score 5"),
            ("What is on the board?", "home score 5"),
        ),
    ),
    InlineRule(
        "several scores behind the answer",
        "rating",
        "end",
        (
            rf"(?:{_APART}|{_WORD})(?P<trace>(?:(?:{_REWARD}|{_SCORE}|{_GRADE}){_IS}{_FIGURE}[,;|] ?){{1,6}}"
            rf"(?:{_REWARD}|{_SCORE}|{_GRADE}|complexity){_IS}{_FIGURE}){_CLOSES}"
        ),
        True,
        ("A bird on a branch. Helpfulness: 3, correctness: 4, verbosity: 1", "red | accuracy 5, relevance 4"),
        (("What is on the board?", "Home score 5, guest score 3"),),
    ),
    InlineRule(
        "a grade behind the answer",
        "rating",
        "end",
        (rf"(?:{_APART}|{_WORD})(?P<trace>{_GRADE}(?:{_SET}(?:{_FIGURE}|[A-F][+-]?(?!\w))|{_IS}{_OUT_OF})){_CLOSES}"),
        True,
        ("A horse in a field. Quality: 4", "green quality 3/5", "A kite. Grade: A-"),
        (("What is stamped on it?", "Steel, grade 8"), ("Describe it.", "A math test. Grade: 9/10")),
    ),
    InlineRule(
        "a figure of a scale as the last sentence",
        "rating",
        "end",
        rf"[.!?\n]\s{{0,4}}(?P<trace>(?:rated |about |overall )?{_OUT_OF}){_CLOSES}",
        True,
        ("A woman reads a book. 8/10", "The sky is grey.\n4 out of 5."),
        (
            ("How much is left?", "4/5"),
            ("When is it due?", "It says when. 9/10"),
            ("What do the critics say?", "They gave the film 3/5."),
        ),
    ),
    InlineRule(
        "a verdict behind the answer",
        "rating",
        "end",
        (
            rf"(?:{_APART}|{_WORD})(?P<trace>(?:final |my )?(?:verdict|judg(?:e)?ment|assessment){_SET}"
            rf"(?:{_PRAISE}|accepted|rejected|pass|fail)){_CLOSES}"
        ),
        False,
        ("Three cows. Judgement: accurate", "no (verdict: wrong)"),
        (("What did the court say?", "The verdict is guilty."),),
    ),
    InlineRule(
        "who prefers the answer",
        "comparison",
        "end",
        (
            rf"(?:{_APART}|{_WORD})(?P<trace>(?:strongly |clearly )?(?:preferred|chosen|rejected|favou?red|picked) by "
            rf"{_RATERS}){_CLOSES}"
        ),
        False,
        ("rectangle preferred by most", "A dog on a beach. Preferred by annotators", "yes (rejected by 2 of 3 raters)"),
        (
            ("Where is this?", "A beach preferred by most surfers."),
            ("Who won?", "The cake that was chosen by the judges."),
        ),
    ),
    InlineRule(
        "a label of pairs in brackets",
        "field_label",
        "end",
        rf"(?P<trace>[(\[{{<](?:chosen|rejected|preferred|dispreferred)[)\]}}>]){_CLOSES}",
        False,
        ("a red kite (rejected)", "Two people. [preferred]"),
        (("What happened?", "The chosen one (a girl) waves."),),
    ),
    InlineRule(
        "a judge who speaks of the answer",
        "rating",
        "end",
        (
            rf"(?:\A|{_APART})\s?(?P<trace>(?:{_THIS} (?:is|was|seems) {_PRAISE}(?: and {_PRAISE})?"
            rf"|{_THIS} (?:gets|scores|deserves|earns|receives) (?:an? |the )?{_FIGURE}"
            rf"|(?:I|we)(?:'d| would|'ll| will)? (?:rate|score|grade|give) (?:this|that|it|the)"
            rf"(?: answer| response| caption| reply)? (?:as )?(?:an? )?(?:score of |rating of )?{_FIGURE})){_CLOSES}"
        ),
        False,
        (
            "A cat on a sofa. I would rate this response 9/10.",
            "blue, we score it 4",
            "Two trains. This caption is accurate.",
            "A pier. The previous answer gets 3 out of 5",
        ),
        (
            ("2 + 2?", "The answer is 4."),
            ("Is this answer right?", "No. This answer is wrong."),
            ("How do you like it?", "I give it to him."),
        ),
    ),
    InlineRule(
        "a judge's figure before the answer",
        "rating",
        "start",
        rf"{_OPENS}(?P<trace>(?:{_REWARD}|{_SCORE}){_IS}{_FIGURE}|{_GRADE}{_SET}{_FIGURE}){_THEN}",
        True,
        ("Score: 4/5. The bus is red.", "[reward 0.8]: a dog", "rating 3 - a cat on a mat"),
        (
            ("What is on the screen?", "Score: 4. The player is at the end."),
            ("How did it end?", "Score 5 to 3, as the crowd saw."),
        ),
    ),
    InlineRule(
        "a judge before the answer",
        "rating",
        "start",
        rf"{_OPENS}(?P<trace>{_THIS} (?:is|was|seems) {_PRAISE}(?: and {_PRAISE})?){_THEN}",
        False,
        ("This answer is correct. The car is blue.", "The previous response was wrong: two dogs."),
        (("What is it?", "This answer key is good. It is red."),),
    ),
    InlineRule(
        "a label of pairs before the answer",
        "field_label",
        "start",
        r"\A\s{0,4}(?P<trace>[(\[{<](?:chosen|rejected|preferred|dispreferred)[)\]}>])\W{0,4}\w",
        False,
        ("[chosen] a cat on a mat", "(rejected) red"),
        (("What happened?", "Rejected by the club, he walks home."),),
    ),
)
#: What carries scores, ratings, rewards and grades for all to see.
_CARRIERS = re.compile(
    r"\b(?:score ?boards?|(?:dart|black|white|bill|notice) ?boards?|boards?|screens?|signs?|posters?|labels?|stickers?|"
    r"tags?|tickets?|flyers?|notices?|websites?|pages?|apps?|reports?|letters?|tests?|exams?|homework|essays?|quiz|"
    r"games?|match(?:es)?|innings?|teams?|players?|goals?|pinball|arcade|tournament|competition|contest|jury|judges?|"
    r"gymnasts?|divers?|skaters?|reviews?|critics?|restaurants?|hotels?|films?|movies?|stars|credit|wanted|lost|missing|"
    r"home|away|guests?|visitors?|health|hygiene|wine|points?)\b",
    re.IGNORECASE,
)
#: A question after what is written, or how something ended or stands.
_READING = re.compile(
    r"\b(?:says?|said|reads?|written|writing|writes?|texts?|words?|printed|stamped|numbers?|figures?|results?|won|wins?|"
    r"winning|ahead|leading|lead|how much|fraction|share|date|when|due|end)\b",
    re.IGNORECASE,
)
_ABOUT_ANSWERS = re.compile(
    r"\b(?:is|are|was|does|do) (?:this|the|that|your|his|her|these) (?:answer|response|reply|caption|output)s?\b",
    re.IGNORECASE,
)


def inline_trace(answer: str, query: str) -> tuple[InlineRule, int, int] | None:
    """The first rule that finds a trace at either end of an answer, and where that starts and ends (characters)."""
    if _ABOUT_ANSWERS.search(query):
        return None
    answer = answer.rstrip()
    ends = {"start": (0, answer[:WINDOW]), "end": (max(len(answer) - WINDOW, 0), answer[-WINDOW:])}
    for rule in RULES:
        at, window = ends[rule.place]
        match = rule.pattern.search(window)
        if match and not (rule.depictable and _may_be_shown(query, window.replace(match["trace"], ""))):
            return rule, at + match.start("trace"), at + match.end("trace")
    return None


def _may_be_shown(query: str, rest: str) -> bool:
    """Whether the question, or what the answer says beside it, is of something that carries scores."""
    return bool(_CARRIERS.search(query) or _READING.search(query) or _CARRIERS.search(rest))
