"""A drop of photographs as one would be delivered: captions, descriptions in several sentences, questions of what is
there and how many, and preferences of a caption over that of another photograph.

    .venv/bin/python -m benchmarks.photo_drop --photos ../shared/data/photos --drop FOLDER
    .venv/bin/assay --lake LAKE run FOLDER
"""

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--photos", type=Path, required=True)
    options.add_argument("--drop", type=Path, required=True)
    given = options.parse_args()
    rows, pairs = made(given.photos, given.drop)
    print(f"{rows} rows of SFT and {pairs} pairs in {given.drop}")


def made(photos: Path, folder: Path) -> tuple[int, int]:
    """Writes the drop; returns how many rows and pairs it has."""
    shutil.copytree(photos / "images", folder / "images")
    rows, pairs = rows_about(photos), list(_preferred(_lines(photos / "captions.jsonl")))
    (folder / "rows.json").write_text(json.dumps(rows))
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    return len(rows), len(pairs)


def rows_about(photos: Path) -> list[Row]:
    """The rows of SFT, in LLaVA's layout."""
    return [*_described(_lines(photos / "captions.jsonl")), *_asked(_lines(photos / "objects.jsonl"))]


def _lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _described(captions: Sequence[Row]) -> Iterator[Row]:
    for photo in captions:
        for number, caption in enumerate(photo["captions"]):
            yield _row(photo, f"caption-{number}", "Describe the image in one sentence.", caption)
        sentences = [caption.strip().rstrip(".").capitalize() + "." for caption in photo["captions"]]
        yield _row(photo, "long", "Describe the image in detail.", " ".join(sentences))


def _asked(objects: Sequence[Row]) -> Iterator[Row]:
    names = sorted({thing["category"] for photo in objects for thing in photo["objects"]})
    for number, photo in enumerate(objects):
        counts = Counter(thing["category"] for thing in photo["objects"] if not thing["iscrowd"])
        absent = [name for name in names if not counts[name]]
        asked = [*counts, absent[number % len(absent)]]
        for name in asked:
            yield _row(photo, f"is-{name}", f"Is there a {name} in the image?", "yes" if counts[name] else "no")
        for name, count in counts.items():
            yield _row(photo, f"count-{name}", f"How many of these are in the image: {name}?", str(count))


def _preferred(captions: Sequence[Row]) -> Iterator[Row]:
    for number, photo in enumerate(captions):
        for at, caption in enumerate(photo["captions"]):
            other = captions[(number + 1 + at) % len(captions)]["captions"][at % 5]
            about = {"image": photo["image"], "id": f"{photo['image']}-{at}"}
            yield about | {"question": "What does the image show?", "chosen": caption, "rejected": other}


def _row(photo: Row, name: str, query: str, answer: str) -> Row:
    turns = [{"from": "human", "value": f"<image>\n{query}"}, {"from": "gpt", "value": answer}]
    return {"id": f"{photo['image']}-{name}", "image": photo["image"], "conversations": turns}


if __name__ == "__main__":
    main()
