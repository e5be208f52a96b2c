"""A run that is far slower than runs of the same encoder before is named; nothing else is."""

from dataclasses import replace

from ops.gates.throughput import EmbedRun, slowness

FAST = EmbedRun("clip", "cuda", images_new=100_000, texts_new=0, seconds=50)
SLOW = EmbedRun("clip", "cpu", images_new=100_000, texts_new=0, seconds=5000)


def test_a_fall_back_to_the_cpu_is_named() -> None:
    result = slowness(SLOW, [FAST, FAST, SLOW], slow_share=0.25)
    assert "20.0 images a second on cpu" in result
    assert "did 2000.0 before" in result


def test_a_like_rate_passes_whatever_its_share_of_texts() -> None:
    texts = replace(FAST, images_new=0, texts_new=400_000, seconds=150)
    assert slowness(texts, [FAST], slow_share=0.25) == ""
    assert slowness(replace(texts, seconds=250), [FAST], slow_share=0.25) != ""


def test_what_cannot_be_compared_passes() -> None:
    assert slowness(SLOW, [], slow_share=0.25) == ""
    assert slowness(SLOW, [replace(FAST, encoder="another")], slow_share=0.25) == ""
    assert slowness(SLOW, [replace(FAST, images_new=100, seconds=0.01)], slow_share=0.25) == ""
    assert slowness(replace(SLOW, images_new=10, seconds=30), [FAST], slow_share=0.25) == ""
    assert slowness(SLOW, [FAST], slow_share=0) == ""
