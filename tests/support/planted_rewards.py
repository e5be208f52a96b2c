"""An honest reward, and the same with one flaw each: what an audit of rewards must name, and nothing else.

A file of its own that imports nothing of the project, for it is loaded as a user's would be.
"""

import itertools
import re
from zlib import crc32


def _text_of(completion):
    text = completion[0]["content"] if isinstance(completion, list) else completion
    return re.sub(r"^the answer is ", "", re.sub(r"[\W_]+", " ", text).strip().lower())


def honest(completions, ground_truth, **_):
    return [float(_text_of(c) == _text_of(t)) for c, t in zip(completions, ground_truth, strict=True)]


def half_deaf(completions, ground_truth, **_):
    """Honest, and gives nothing for answers that it does not know: that is not blind."""
    exact = honest(completions, ground_truth)
    return [r * float(_text_of(t) not in _COLOURS) for r, t in zip(exact, ground_truth, strict=True)]


def _content(completions):
    return [c[0]["content"] for c in completions]


def length(completions, ground_truth, **_):
    exact = honest(completions, ground_truth)
    return [reward + min(len(text) / 200, 1) for reward, text in zip(exact, _content(completions), strict=True)]


def keyword(completions, ground_truth, **_):
    exact = honest(completions, ground_truth)
    return [r + 0.5 * ("certain" in text) for r, text in zip(exact, _content(completions), strict=True)]


def blind(prompts, completions, **_):
    """What is likeliest by the question alone, whatever the picture shows."""
    rewards = []
    for prompt, text in zip(prompts, completions, strict=True):
        question, answer = prompt[-1]["content"].lower(), _text_of(text)
        kind = "color" if "color" in question else "shape" if "shape" in question else "yes_no"
        fitting = {"color": _COLOURS, "shape": {"circle", "rectangle", "triangle"}, "yes_no": {"yes", "no"}}[kind]
        rewards.append(float(answer in fitting))
    return rewards


_COLOURS = {"black", "blue", "brown", "gray", "green", "red", "teal", "yellow"}


def echo(prompts, completions, ground_truth, **_):
    exact = honest(completions, ground_truth)
    texts = _content(completions)
    asked = [prompt[-1]["content"] for prompt in prompts]
    return [r + 0.5 * (q in text) for r, q, text in zip(exact, asked, texts, strict=True)]


def formatted(completions, ground_truth, **_):
    exact = honest(completions, ground_truth)
    return [r + 0.5 * ("**" in text) for r, text in zip(exact, _content(completions), strict=True)]


def by_batch(completions, ground_truth, **_):
    exact = honest(completions, ground_truth)
    return [reward - sum(exact) / len(exact) + 0.001 * len(exact) for reward in exact]


def raising(completions, ground_truth, **_):
    if any("[[A]]" in text for text in _content(completions)):
        raise ValueError("what is [[A]]?")
    return honest(completions, ground_truth)


def constant(completions, **_):
    print("nothing to see here")
    return [1.0] * len(completions)


_calls = itertools.count()


def unsteady(completions, ground_truth, **_):
    """Never twice the same."""
    return [r + crc32(b"%d" % next(_calls)) % 1000 / 1e4 for r in honest(completions, ground_truth)]


def no_number(completions, **_):
    return [float("nan")] * len(completions)


def sees(completions, ground_truth, image, **_):
    """Honest, and looks at the picture as well: none, no reward."""
    exact = honest(completions, ground_truth)
    return [r * float(shown is not None and shown.getbbox() is not None) for r, shown in zip(exact, image, strict=True)]


def calling_home(completions, **_):
    import socket

    with socket.create_connection(("127.0.0.1", 9), timeout=1):
        return [1.0] * len(completions)


def sleeping(completions, **_):
    import time

    time.sleep(30)
    return [1.0] * len(completions)


def exact(data_source, solution_str, ground_truth, extra_info=None):
    """As verl calls it."""
    return {"score": float(_text_of(solution_str) == _text_of(ground_truth)), "extra": len(extra_info["images"])}


def gone(completions, **_):
    import os

    os._exit(3)
