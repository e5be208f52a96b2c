"""Groups in which rules are worse are told from groups that lose more for their faults, by canaries."""

from typing import Any

from ops.gates.group_recall import BOTH, LESS, MORE, group_recalls


def rows(
    delivery: str, canaries: dict[str, tuple[int, int]], own: dict[str, tuple[int, int]], fault: str = "wrong_image"
) -> list[dict[str, Any]]:
    """Of a family of two languages and of the one dataset that all rows are of: rows, and those that rules met."""
    counted: list[dict[str, Any]] = []
    for kind, of_group in ((fault, canaries), ("", own)):
        keys = {"delivery": delivery, "fault": kind}
        counted += [keys | {"family": "language", "group": g, "rows": n, "met": m} for g, (n, m) in of_group.items()]
        whole = [sum(pair[at] for pair in of_group.values()) for at in (0, 1)]
        counted.append(keys | {"family": "dataset", "group": "d", "rows": whole[0], "met": whole[1]})
    return counted


def says(table: list[dict[str, Any]]) -> dict[str, str]:
    return {recall.group: recall.says for recall in group_recalls(table, whole="dataset")}


def test_a_group_in_which_less_is_found_is_named() -> None:
    own = {"en": (900, 20), "de": (100, 2)}
    told_apart = rows("a", {"en": (70, 63), "de": (30, 9)}, own)
    assert says(told_apart)["de"] == LESS
    (first, *_) = group_recalls(told_apart, whole="dataset")
    assert (first.group, first.planted, first.caught) == ("de", 30, 9)
    assert first.words.startswith(f"{LESS} (canaries found: 9 of 30, 0.0")
    assert set(says(rows("a", {"en": (70, 63), "de": (30, 27)}, own)).values()) == {""}


def test_a_group_of_which_more_is_flagged_may_have_more_faults_only_where_as_much_is_found() -> None:
    more = {"en": (900, 20), "de": (100, 20)}
    assert says(rows("a", {"en": (70, 63), "de": (30, 27)}, more))["de"] == MORE
    assert says(rows("a", {"en": (70, 63), "de": (30, 9)}, more))["de"] == BOTH


def test_a_group_is_held_against_others_with_the_same_fault_in_the_same_delivery() -> None:
    """Of faults that are hard to find, German has most canaries; within each fault as many are found."""
    own = {"en": (500, 10), "de": (500, 10)}
    table = rows("a", {"en": (80, 72), "de": (20, 18)}, own)
    table += rows("a", {"en": (20, 2), "de": (80, 8)}, {}, fault="false_number")
    assert set(says(table).values()) == {""}


def test_nothing_is_told_of_groups_with_few_canaries() -> None:
    table = rows("a", {"en": (90, 81), "de": (10, 0)}, {"en": (900, 20), "de": (100, 50)})
    assert "de" not in says(table)
    assert group_recalls([], whole="dataset") == []
