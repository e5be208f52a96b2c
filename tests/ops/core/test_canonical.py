"""Keys of images, queries and responses."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.core.canonical import canonical_query, canonical_response, image_key, query_key, response_key

_BITS = (
    "<image>;<im;age>;<|im_start|>user;<|im_end|>;USER: ; ASSISTANT:;Yes. ;İ;ﬁ;“;—;```;  ;[INST];<s>;ŉ;ẞ;A;. ;｀``;\n"
)
FRAGMENTS = _BITS.split(";")
PLAIN = st.text(max_size=60)
PIECES = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(FRAGMENTS),
    ),
    max_size=8,
).map("".join)


@given(PIECES)
def test_canonical_texts_are_fixed_points(text: str) -> None:
    assert canonical_query(canonical_query(text)) == canonical_query(text)
    assert canonical_response(canonical_response(text)) == canonical_response(text)


@given(PLAIN)
def test_unicode_form_does_not_matter(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        other = unicodedata.normalize(form, text)
        assert query_key(other) == query_key(text)
        assert response_key(other) == response_key(text)


@given(st.lists(st.from_regex(r"[A-Za-z0-9?.,']{1,8}", fullmatch=True), min_size=1, max_size=8), st.data())
def test_white_space_and_placeholders_do_not_matter(words: list[str], data: st.DataObject) -> None:
    gaps = [
        data.draw(st.sampled_from([" ", "  ", "\n", "\t", "\u00a0", " <image>\n", " <|image_pad|> "])) for _ in words
    ]
    spaced = "".join(gap + word for gap, word in zip(gaps, words, strict=True)) + " \n"
    assert query_key(spaced) == query_key(" ".join(words))
    assert response_key(spaced) == response_key(" ".join(words))


@given(st.from_regex(r"[A-Za-z ?]{1,30}", fullmatch=True))
def test_case_of_a_query_does_not_matter(text: str) -> None:
    assert query_key(text.upper()) == query_key(text.lower()) == query_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "<|im_start|>user\n<image>\nWhat colour is the cat?<|im_end|>\n<|im_start|>assistant\n",
        "<s>[INST] <image> What colour is the cat? [/INST]",
        "USER: <image>\nWhat colour is the cat? ASSISTANT:",
        "<start_of_turn>user\n<image_soft_token>What colour is the cat?<end_of_turn>",
        "<|start_header_id|>user<|end_header_id|>\n\n<|image|>What  colour is\u00a0the cat?<|eot_id|>",
        "### Human: What colour is the cat? ### Assistant:",
        "<|vision_start|><|image_pad|><|vision_end|>what colour is the CAT?",
    ],
)
def test_chat_templates_are_removed(text: str) -> None:
    assert canonical_query(text) == "what colour is the cat?"


@pytest.mark.parametrize(
    ("response", "other", "same"),
    [
        ("Yes.", "yes.", True),
        ("Paris", "paris", True),
        ("A dog. It runs.", "a dog.  it runs.", True),
        ("It’s a “dog”", 'it\'s a "dog"', True),
        ("STOP", "Stop", False),
        ("It says iPhone", "It says iphone", False),
        ("Yes.", "Yes", False),
        ("yes", "no", False),
        ("```\nif x:\n    y()\n```", "```\nif x:\ny()\n```", False),
        ("```\nx = 1  \n```", "```\r\nx = 1\r\n```", True),
    ],
)
def test_what_a_response_keeps(response: str, other: str, same: bool) -> None:
    assert (response_key(response) == response_key(other)) is same


def test_images_are_compared_in_order() -> None:
    assert image_key(["a", "b"]) != image_key(["b", "a"])
    assert image_key([]) == image_key(None) != image_key(["a"])


def test_keys_of_different_things_differ() -> None:
    assert len({query_key("a"), response_key("a"), image_key(["a"])}) == 3
    assert query_key(None) == query_key("") == query_key("<image>")
