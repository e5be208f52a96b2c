"""How right the audits of preference data are, by how much is wrong: planted contradictions, raters, leaks and styles.

    .venv/bin/python -m benchmarks.preference_accuracy [--curves leaks soft] [--queries 3000] [--seed 11]
        [--shares 0.01 0.05 0.1 0.2] [--photos ../shared/data/photos]

`contradictions`: for each share of 1, 5, 10 and 20 %, that share of the queries gets a flip, a response called good and
bad, a cycle of three, or identical responses. Precision and recall count judgements.

`raters`: that share of the annotators answers at random half of the time. Their fitted reliability is held against the
truth, beside the baseline: how often each agrees with the majority of the votes. Of contested subjects whose true side
is known, it is counted how often the posterior and how often the plain majority is right, and how often each abstains.

`leaks`: rejected responses become SFT targets verbatim, with 10 to 30 % of their words replaced, or paraphrased (words
replaced by synonyms, clauses turned round); sound targets are other texts about the same images and edited chosen ones.
Recall by kind, and false alarms, found by words, by meaning and by either.

`captions`: false alarms where they are likeliest. Of five captions that five people wrote of a photo one is rejected,
one chosen and one a target: all are sound, and say the same in other words.

`soft`: photos a little changed and queries in other words, with the same responses judged the other way; and hard
negatives (benchmarks/soft_pairs.py). Recall and false alarms by kind; precision where both are equally frequent.

`likeness`: SFT answers in the style of rejected or of chosen responses: how well the likeness tells them apart, beside
style alone and the number of words alone.

Shares have their 95 % Wilson interval, in which a pair of queries that was drawn twice counts twice; where several
cases share an annotator or a photo, and for areas under a curve, the interval is that of bootstrap draws (of
annotators, photos, answers). Cuts of `captions` and `soft` were chosen on `--half tuning`, those of `leaks` on seed 3.
"""

import argparse
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, SparkSession

from benchmarks.audit_accuracy import Embeddings, interval
from benchmarks.planted_preferences import ANNOTATORS, KINDS, Corpus, edited, paraphrased, planted_judgements, sentence
from benchmarks.soft_pairs import DIFFERENT, SAME, changed, photos_of, query_pairs
from ops.audits import contradictions, preference_likeness, rejected_as_target, reward_leaks, soft_contradictions
from ops.audits.contract import Audit
from ops.core.accuracy import auroc, wilson
from ops.core.identity import image_id
from ops.corpus.judged_texts import judged_queries, told_answers
from ops.corpus.judgements import sided
from ops.corpus.raters import reliability_of
from ops.corpus.reliability import EXPECTED
from ops.intake.image_checks import check_image
from ops.intake.rows import IngestSettings
from resources.config.encoder_settings import EncoderSettings
from resources.config.spark_settings import SparkSettings
from resources.engines.spark import start_spark
from resources.models.encoder import load_encoder

_SOUND, _BAD = 0.97, 0.5
_LEAKS = ("verbatim", "edited 10 %", "edited 20 %", "edited 30 %", "paraphrased")
_DRAWS = 400
_HEDGES = ("it seems that", "as one may guess", "there could be that")
_PLAIN = ("it is that", "as one can see", "there is clearly that")


def contradiction_curve(spark: SparkSession, asked: argparse.Namespace, share: float) -> dict[str, Any]:
    """Precision and recall of each kind at one share."""
    corpus, planted = planted_judgements(share, asked.queries, random.Random(asked.seed))  # noqa: S311
    measures = measured(contradictions.AUDIT, corpus.frames(spark))
    figures: dict[str, Any] = {}
    for kind in KINDS:
        claimed = {row["judgement_id"] for row in measures if row[kind]}
        right = len(claimed & planted[kind])
        figures[kind] = {"precision": share_of(right, len(claimed)), "recall": share_of(right, len(planted[kind]))}
    return figures


def rater_curve(spark: SparkSession, asked: argparse.Namespace, share: float) -> dict[str, Any]:
    """How well reliabilities are recovered, and contested judgements resolved, with a share of bad annotators."""
    rng = random.Random(asked.seed)  # noqa: S311
    bad = set(rng.sample(range(ANNOTATORS), round(share * ANNOTATORS)))
    corpus, votes, true = Corpus(), {}, {}
    for n in range(asked.queries):
        place = (f"image {n // 3}", f"question {n}")
        votes[n] = {w: rng.random() < (_BAD if w in bad else _SOUND) for w in rng.sample(range(ANNOTATORS), 4)}
        for w, right in votes[n].items():
            for judgement in corpus.prefer(*place, *(("a", "b") if right else ("b", "a")), f"annotator {w}"):
                true[judgement] = (n, right)
    frames = corpus.frames(spark)
    known = reliability_of(sided(frames["preferences"]), fit_judgements=10**7)
    fitted = {rater: reliability for _, rater, reliability, _, _ in known.raters}
    truth = np.array([_BAD if w in bad else _SOUND for w in range(ANNOTATORS)])
    model = np.array([fitted.get(f"annotator|annotator {w}", EXPECTED) for w in range(ANNOTATORS)])
    agrees: dict[int, list[bool]] = defaultdict(list)
    for cast in votes.values():
        yes = sum(cast.values())
        for w, right in cast.items():
            if 2 * yes != len(cast):
                agrees[w].append(right == (2 * yes > len(cast)))
    majority = np.array([np.mean(agrees[w]) if agrees[w] else EXPECTED for w in range(ANNOTATORS)])
    resolved = {true[row["judgement_id"]][0]: row for row in measured(contradictions.AUDIT, frames) if row["is_flip"]}
    return {
        "bad_annotators": len(bad),
        "contested": len(resolved),
        "correlation": _over_units(lambda drawn: _correlation(truth[drawn], model[drawn]), ANNOTATORS),
        "correlation_majority": _over_units(lambda drawn: _correlation(truth[drawn], majority[drawn]), ANNOTATORS),
        "error": _over_units(lambda drawn: float(np.abs(truth - model)[drawn].mean()), ANNOTATORS),
        "error_majority": _over_units(lambda drawn: float(np.abs(truth - majority)[drawn].mean()), ANNOTATORS),
        **_resolutions(resolved, votes, true),
    }


def _correlation(values: np.ndarray, other: np.ndarray) -> float:
    # Of draws without a bad annotator there is none.
    return float(np.corrcoef(values, other)[0, 1]) if np.ptp(values) and np.ptp(other) else float("nan")


def _resolutions(
    resolved: dict[int, dict[str, Any]], votes: dict[int, dict[int, bool]], true: dict[str, tuple[int, bool]]
) -> dict[str, Any]:
    """Of the contested subjects: how many are decided, and how many of those rightly, by posterior and by majority."""
    decided = right = by_majority = right_majority = 0
    for n, row in resolved.items():
        if row["side"] != "undecided":
            decided += 1
            right += (row["side"] == "upheld") == true[row["judgement_id"]][1]
        yes, count = sum(votes[n].values()), len(votes[n])
        if 2 * yes != count:
            by_majority += 1
            right_majority += 2 * yes > count
    return {
        "decided": share_of(decided, len(resolved)),
        "decided_right": share_of(right, decided),
        "majority_decided": share_of(by_majority, len(resolved)),
        "majority_right": share_of(right_majority, by_majority),
    }


def leak_curve(spark: SparkSession, asked: argparse.Namespace, share: float) -> dict[str, Any]:
    """Recall of each kind of leak, and false alarms by kind of sound target."""
    corpus, kinds = Corpus(), {}
    for n in range(asked.queries):
        # Drawn for each query apart, so that all shares have the same sound texts, which are embedded once.
        rng = random.Random(f"{asked.seed} {n}")  # noqa: S311
        place = (f"image {n}", "Describe the picture.")
        rejected, chosen, other, is_leak = sentence(rng), sentence(rng), sentence(rng), rng.random() < share
        corpus.prefer(*place, chosen, rejected, "annotator 1")
        kind = rng.choice(_LEAKS if is_leak else ("sound", "chosen, edited 10 %"))
        words = edited(chosen if "chosen" in kind else rejected, float(kind[-4:-2]) / 100 if "%" in kind else 0, rng)
        answer = {"sound": other, "paraphrased": paraphrased(rejected)}.get(kind, words)
        kinds[corpus.say(*place, answer)] = kind
    frames = corpus.frames(spark, asked.embeddings.texts(set(told_answers(corpus.table))))
    ways = _leak_ways(frames)
    return {
        kind: _by_way(ways, {example for example, planted in kinds.items() if planted == kind})
        for kind in sorted(set(kinds.values()))
    }


def _leak_ways(frames: Mapping[str, DataFrame]) -> dict[str, set[str]]:
    """The examples that are found, by words (equal answers among them), by meaning, and by either."""
    near = measured(reward_leaks.AUDIT, frames)
    equal = {row["example_id"] for row in measured(rejected_as_target.AUDIT, frames)}
    by_words = equal | {row["example_id"] for row in near if row["by_words"]}
    by_meaning = {row["example_id"] for row in near if row["by_meaning"]}
    return {"by_words": by_words, "by_meaning": by_meaning, "either": by_words | by_meaning}


def _by_way(ways: Mapping[str, set[str]], of: set[str]) -> dict[str, str]:
    return {way: share_of(len(found & of), len(of)) for way, found in ways.items()}


def caption_curve(spark: SparkSession, asked: argparse.Namespace) -> dict[str, Any]:
    """False alarms among captions of one photo, as a share of its cases, on average over the photos."""
    lines = [json.loads(line) for line in (asked.photos / "captions.jsonl").read_text("utf-8").splitlines()]
    chosen_half = {path.name for path in photos_of(asked.photos, asked.half)}
    corpus, photo_of = Corpus(), {}
    for line in lines:
        name = Path(line["image"]).name
        if name not in chosen_half:
            continue
        for n, (rejected, chosen, answer) in enumerate(permutations(line["captions"][:5], 3)):
            place = (f"{name} {n}", "Describe the picture.")
            corpus.prefer(*place, chosen, rejected, "annotator 1")
            photo_of[corpus.say(*place, answer)] = name
    frames = corpus.frames(spark, asked.embeddings.texts(set(told_answers(corpus.table))))
    figures: dict[str, Any] = {"photos": len(chosen_half), "cases": len(photo_of)}
    for way, leaks in _leak_ways(frames).items():
        hits: defaultdict[str, list[bool]] = defaultdict(list)
        for example, name in photo_of.items():
            hits[name].append(example in leaks)
        by_photo = np.array([np.mean(hits[name]) for name in sorted(hits)])
        figures[way] = _over_units(lambda drawn, by_photo=by_photo: float(by_photo[drawn].mean()), len(by_photo))
    return figures


def soft_curve(spark: SparkSession, asked: argparse.Namespace) -> dict[str, Any]:
    """Recall and false alarms of the soft kinds."""
    corpus, cases = Corpus(), defaultdict(list)
    pairs = query_pairs(asked.half, asked.queries // 20, random.Random(asked.seed))  # noqa: S311
    for n, pair in enumerate(pairs):
        example = corpus.prefer(f"query {n}", pair.query, "a", "b", "1")[0]
        corpus.prefer(f"query {n}", pair.other, "b", "a", "1")
        cases[pair.kind, pair.is_same].append(example)
    _show_photos(corpus, cases, photos_of(asked.photos, asked.half))
    vectors = asked.embeddings.texts(set(judged_queries(corpus.table)))
    rows = {row["judgement_id"]: row for row in measured(soft_contradictions.AUDIT, corpus.frames(spark, vectors))}
    figures: dict[str, Any] = {}
    for ways in (("by_image",), ("by_query",), ("by_meaning",), ("by_query", "by_meaning")):
        of = {kind: found for kind, found in cases.items() if ("photo" in kind[0]) == (ways == ("by_image",))}
        hits = {
            kind: [any(rows.get(one, {}).get(way, False) for way in ways) for one in counts]
            for kind, counts in of.items()
        }
        counted = {kind: share_of(sum(found), len(found)) for (kind, _), found in hits.items()}
        figures[" or ".join(ways)] = counted | _balanced(hits)
    return figures


def _show_photos(corpus: Corpus, cases: dict[tuple[str, bool], list[str]], photos: list[Path]) -> None:
    """Each photo beside itself, changed a little and changed much, and beside the next one."""
    for at, path in enumerate(photos):
        pictures = {(f"photo, {how}", True): changed(path, made) for how, made in SAME.items()}
        pictures |= {(f"photo, {how}", False): changed(path, made) for how, made in DIFFERENT.items()}
        if len(photos) > 1:
            pictures["photo, another", False] = photos[(at + 1) % len(photos)].read_bytes()
        for kind, data in pictures.items():
            left, right = (_known(corpus, content) for content in (path.read_bytes(), data))
            query = f"{kind[0]} {at}"
            cases[kind].append(corpus.prefer(left, query, "a", "b", "1")[0])
            corpus.prefer(right, query, "b", "a", "1")


def _known(corpus: Corpus, data: bytes) -> str:
    facts, name = check_image(data, IngestSettings()), image_id(data)
    corpus.images[name] = {"image_id": name, "perceptual_hash": facts.perceptual_hash, "colours": facts.colours}
    return name


def _balanced(hits: Mapping[tuple[str, bool], list[bool]]) -> dict[str, str]:
    """Recall and false alarms over all kinds, each weighing the same, and the precision were half of all alike."""
    drawn = np.random.default_rng(0)
    shares = []
    for n in range(_DRAWS + 1):
        rates = {True: [], False: []}
        for (_, is_same), hits_of in hits.items():
            rates[is_same].append(np.mean(hits_of if n == 0 else drawn.choice(hits_of, len(hits_of))))
        recall, alarms = (float(np.mean(rates[is_same])) if rates[is_same] else np.nan for is_same in (True, False))
        shares.append((recall, alarms, recall / (recall + alarms) if recall + alarms else np.nan))
    named = zip(("recall", "false alarms", "precision"), np.array(shares).T, strict=True)
    return {f"all, {name}": _spread(values[0], values[1:]) for name, values in named}


def likeness_curve(spark: SparkSession, asked: argparse.Namespace) -> dict[str, Any]:
    """How well answers in the style of rejected responses are told from those in the style of chosen ones."""
    figures: dict[str, Any] = {}
    for style in ("phrases", "length", "none"):
        rng, corpus, is_bad = random.Random(f"{asked.seed} {style}"), Corpus(), {}  # noqa: S311
        for n in range(asked.queries):
            place = (f"image {n}", "Describe the picture.")
            corpus.prefer(*place, _styled(rng, style, bad=False), _styled(rng, style, bad=True), "annotator 1")
            bad = rng.random() < 0.5
            answer = _styled(rng, style, bad=bad)
            is_bad[corpus.say(f"other {n}", place[1], answer)] = (bad, len(answer.split()))
        rows = measured(preference_likeness.AUDIT, corpus.frames(spark))
        planted = [is_bad[row["example_id"]] for row in rows]
        bad, words = np.array([is_bad for is_bad, _ in planted], dtype=bool), np.array([count for _, count in planted])
        names = ("rejected_probability", "style_probability")
        scores = {name: np.array([row[name] for row in rows], dtype=float) for name in names}
        figures[style] = {
            # Nothing is scored where there are too few responses to learn from.
            name: interval(score[bad & ~np.isnan(score)], score[~bad & ~np.isnan(score)], auroc)
            for name, score in (scores | {"words": words}).items()
        }
    return figures


def _styled(rng: random.Random, style: str, *, bad: bool) -> str:
    """A description; in one style rejected ones hedge half of the time, in another they are longer half of the time."""
    is_marked = rng.random() < 0.5
    if style == "length" and bad and is_marked:
        return sentence(rng, 3)
    text = sentence(rng)
    if style == "phrases" and is_marked:
        return text.replace(", and", f", and {rng.choice(_HEDGES if bad else _PLAIN)}")
    return text


def share_of(part: int, whole: int) -> str:
    """A share with its 95 % interval, and of how many."""
    if not whole:
        return "of 0"
    low, high = wilson(part / whole, whole)
    return f"{part / whole:.3f} ({low:.3f} to {high:.3f}) of {whole}"


def _over_units(figure: Any, units: int) -> str:
    """A figure of all units (annotators, photos), with the 95 % interval of bootstrap draws of them."""
    if not units:
        return "none"
    drawn = np.random.default_rng(0)
    return _spread(figure(np.arange(units)), [figure(drawn.integers(0, units, units)) for _ in range(_DRAWS)])


def _spread(value: float, draws: Iterable[float]) -> str:
    if np.isnan(value):
        return "none"
    low, high = np.nanquantile(np.fromiter(draws, float), [0.025, 0.975])
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def measured(audit: Audit, frames: Mapping[str, DataFrame]) -> list[dict[str, Any]]:
    """The audit's rows under its default settings."""
    return audit.measure(frames, audit.settings).toArrow().to_pylist()


_BY_SHARE = {"contradictions": contradiction_curve, "raters": rater_curve, "leaks": leak_curve}
_WHOLE = {"captions": caption_curve, "soft": soft_curve, "likeness": likeness_curve}


def main() -> None:
    """Prints a line for each curve and share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", nargs="+", choices=[*_BY_SHARE, *_WHOLE], default=[*_BY_SHARE, "likeness"])
    parser.add_argument("--queries", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.05, 0.1, 0.2])
    parser.add_argument("--half", choices=["tuning", "report"], default="report")
    parser.add_argument("--photos", type=Path, help="needed by `captions` and `soft`")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "assay-embeddings")
    asked = parser.parse_args()
    if asked.photos is None and {"captions", "soft"} & {*asked.curves}:
        parser.error("captions and soft need --photos")
    asked.embeddings = Embeddings(load_encoder(EncoderSettings()), asked.cache)
    spark = start_spark(SparkSettings(cores=2, shuffle_partitions=4))
    for curve in asked.curves:
        shares = asked.shares if curve in _BY_SHARE else [None]
        for share in shares:
            curve_values = _WHOLE[curve](spark, asked) if share is None else _BY_SHARE[curve](spark, asked, share)
            print(curve, "" if share is None else share, json.dumps(curve_values), flush=True)


if __name__ == "__main__":
    main()
