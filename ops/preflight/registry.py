"""Finds the trainers and the families of models, and the limits that hold for a pair of them."""

from functools import cache
from typing import Any

from ops.core.discovery import declared
from ops.core.errors import UnusableError
from ops.core.json_values import Fields
from ops.preflight import families, trainers
from ops.preflight.contract import Family, Trainer
from ops.preflight.limits import Limits, checked_values, family_key


@cache
def all_trainers() -> dict[str, Trainer]:
    """Every trainer by name."""
    return declared(trainers, "TRAINER", order=lambda trainer: trainer.name)


@cache
def all_families() -> dict[str, Family]:
    """Every family by name."""
    return declared(families, "FAMILY", order=lambda family: family.name)


def trainer_of(name: str) -> Trainer:
    """The trainer of that name. UnusableError where there is none."""
    if name not in all_trainers():
        raise UnusableError(f"no trainer {name!r} is known; known are {', '.join(all_trainers())}")
    return all_trainers()[name]


def family_of(model: str) -> Family:
    """The family of a model: by its name, or by the name of one of its members, which may follow an organisation.
    UnusableError where there is none."""
    name = family_key(model.rpartition("/")[2])
    for family in all_families().values():
        if name in (family.name, *family.members):
            return family
    raise UnusableError(
        f"no model {model!r} is known; known are {', '.join(all_families())}. For another one, name the nearest of "
        "them and set tokens_per_image"
    )


def limits_of(trainer: Trainer, given: Fields, where: str = "limits") -> Limits:
    """The limits that hold: the given ones; else the trainer's own; else the model's. UnusableError where one is
    unknown, of another type, or none of the trainer's words."""
    values = checked_values(given, where)
    family = family_of(str(values.get("model", Limits().model)))
    choices = {"truncation": trainer.truncations, "on_failure": trainer.failures}
    own = {name: words[0] for name, words in choices.items() if words}
    chosen: dict[str, Any] = {**family.presets, **own, **trainer.presets, **values}
    for name, words in choices.items():
        if chosen.get(name, "") not in (words or ("",)):
            known = ", ".join(words) or "none"
            raise UnusableError(f"{where}: {name} of {trainer.name} is one of {known}, but is {chosen.get(name)!r}")
    return Limits(**chosen)
