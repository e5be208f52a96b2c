"""A checkpoint's tensors put into a copy of the baseline's image tower; what is not there or does not fit is said."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from ops.checkpoints.representation import change_rank
from resources.checkpoints.errors import CheckpointError
from resources.checkpoints.names import Place, adapted, common_prefix, places
from resources.checkpoints.weights import Adapter, Weights

#: What LLaVA leaves out, since it takes the features before.
_MAY_LACK = ("proj",)
_NAMED = 5
_A, _B = ".lora_A.weight", ".lora_B.weight"
_FACTOR = ".lora_"
#: What PEFT puts into the names of a module that it adds factors to.
_WRAPPED = ".base_layer"


@dataclass(frozen=True, slots=True)
class WeightChange:
    """How a tower's weights changed: `changed` of `tensors`, by `relative` of their norm, in at most `rank` of
    `full_rank` directions of a matrix (99 % of the energy); `adapter` where they came as one. `kept` names tensors that
    the checkpoint leaves out, `outside` counts those of it that belong to no tower."""

    tensors: int
    changed: int
    relative: float
    rank: int
    full_rank: int
    adapter: bool
    kept: tuple[str, ...]
    outside: int


@dataclass(frozen=True, slots=True)
class Fitted:
    """The tower with the checkpoint's weights."""

    tower: nn.Module
    change: WeightChange


def fitted(baseline: nn.Module, weights: Weights) -> Fitted:
    """A copy of the baseline's tower with the weights. CheckpointError names tensors that are missing, of another shape
    or not finite."""
    before: dict[str, torch.Tensor] = {name: tensor.detach() for name, tensor in baseline.state_dict().items()}
    if weights.adapter is None:
        after, used = _whole(weights, before)
        kept = tuple(name for name in before if name not in after)
        _require(weights, before, kept)
    else:
        after, used = _adapted(weights, weights.adapter, before)
        kept = ()
    for name, tensor in after.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(
                f"{weights.path}: {name} holds values that are not finite; take an earlier checkpoint"
            )
    tower = copy.deepcopy(baseline)
    tower.load_state_dict(before | {name: tensor.to(before[name].dtype) for name, tensor in after.items()})
    outside = len(weights.tensors) - used
    return Fitted(tower.eval(), _change(tower, before, adapter=weights.adapter is not None, kept=kept, outside=outside))


def _whole(weights: Weights, before: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], int]:
    """The tower's tensors of a checkpoint of the whole, and how many of its tensors they took."""
    placed = places(weights.tensors, list(before))
    if not placed:
        some = ", ".join(sorted(weights.tensors)[:_NAMED])
        raise CheckpointError(
            f"{weights.path} has no tensors of the baseline's image tower (it has {some}, ...; the tower "
            f"{', '.join(list(before)[:_NAMED])}, ...); name the checkpoint of a tower made from this baseline"
        )
    after: dict[str, torch.Tensor] = {}
    wrong: list[str] = []
    for name, place in placed.items():
        tensor = weights.tensors[name].T if place.turned else weights.tensors[name]
        wanted = before[place.name]
        target = after.setdefault(place.name, wanted.float().clone() if place.parts > 1 else tensor)
        part = target.chunk(place.parts)[place.part] if place.parts > 1 else wanted
        if tensor.shape != part.shape and tensor.squeeze().shape == part.squeeze().shape:
            tensor = tensor.reshape(part.shape)
        if tensor.shape != part.shape:
            wrong.append(f"{name} {list(tensor.shape)} where the baseline has {list(part.shape)}")
        elif place.parts > 1:
            part.copy_(tensor)
        else:
            after[place.name] = tensor
    if wrong:
        more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise CheckpointError(
            f"{weights.path} does not fit the baseline: {'; '.join(wrong[:_NAMED])}{more}; name the baseline it was "
            "made from with --baseline"
        )
    return after, len(placed)


def fit_texts(model: nn.Module, weights: Weights) -> bool:
    """Put the checkpoint's text tower into the model, where it brings one of the same shapes; whether it did. What else
    a checkpoint may hold (a language model) is no text tower and left alone."""
    own = {name: value for name, value in model.state_dict().items() if not name.startswith("visual.")}
    prefix = None if weights.adapter else common_prefix(list(weights.tensors), list(own))
    if prefix is None:
        return False
    given = {name: tensor for name in own if (tensor := weights.tensors.get(prefix + name)) is not None}
    if any(given[name].shape != own[name].shape for name in given):
        return False
    model.load_state_dict({name: value.to(own[name].dtype) for name, value in given.items()}, strict=False)
    return True


def _require(weights: Weights, before: Mapping[str, torch.Tensor], kept: tuple[str, ...]) -> None:
    lacking = [name for name in kept if name not in _MAY_LACK and before[name].is_floating_point()]
    if lacking:
        more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
        raise CheckpointError(
            f"{weights.path} lacks {', '.join(lacking[:_NAMED])}{more} of the baseline's image tower; name the "
            "checkpoint of the whole tower, or its adapter's folder"
        )


def _adapted(
    weights: Weights, adapter: Adapter, before: Mapping[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], int]:
    """The tower's tensors that an adapter changes, changed, and how many of its tensors that took. Beside its factors
    it may hold whole tensors: biases, and modules that were trained as they are (PEFT's `modules_to_save`)."""
    after: dict[str, torch.Tensor] = {}
    used = 0
    own = list(before)
    for name in sorted(weights.tensors):
        module, named = name.removesuffix(_A), f"{weights.path}: {name}"
        if name.endswith(_A) and (place := adapted(f"{module}.weight", own)):
            change = adapter.scale(module) * _product(weights, module)
            part = _part(after, before, place, change, named)
            part += change
            used += 2
        elif _FACTOR not in name and (place := adapted(name.replace(_WRAPPED, ""), own)):
            tensor = weights.tensors[name]
            _part(after, before, place, tensor, named).copy_(tensor)
            used += 1
    return after, used


def _product(weights: Weights, module: str) -> torch.Tensor:
    down, up = weights.tensors[module + _A].float(), weights.tensors.get(module + _B)
    if up is None:
        raise CheckpointError(f"{weights.path} has {module + _A}, but not {module + _B}; save the adapter anew")
    if down.ndim != 2:
        raise CheckpointError(
            f"{weights.path}: {module} is a convolution's, which is not read; merge the adapter and name the whole "
            "model"
        )
    return up.float() @ down


def _part(
    after: dict[str, torch.Tensor], before: Mapping[str, torch.Tensor], place: Place, change: torch.Tensor, named: str
) -> torch.Tensor:
    """Where a change belongs, in a copy of the tower's tensor. CheckpointError where it has another shape."""
    target = after.setdefault(place.name, before[place.name].float().clone())
    part = target.chunk(place.parts)[place.part]
    if part.shape != change.shape:
        raise CheckpointError(
            f"{named} changes {list(change.shape)}, the baseline has {list(part.shape)} there; name the baseline that "
            "the adapter was made for with --baseline"
        )
    return part


def _change(
    tower: nn.Module, before: Mapping[str, torch.Tensor], *, adapter: bool, kept: tuple[str, ...], outside: int
) -> WeightChange:
    changed, moved, whole, ranks, sides = 0, 0.0, 0.0, [0], [0]
    for name, after in tower.state_dict().items():
        if not after.is_floating_point():
            continue
        change = after.float() - before[name].float()
        whole += float(before[name].float().square().sum())
        if not change.any():
            continue
        changed, moved = changed + 1, moved + float(change.square().sum())
        if change.ndim == 2:
            ranks.append(change_rank(change.cpu().numpy()))
            sides.append(min(change.shape))
    return WeightChange(
        tensors=len(before),
        changed=changed,
        relative=(moved / whole) ** 0.5 if whole else 0.0,
        rank=max(ranks),
        full_rank=max(sides),
        adapter=adapter,
        kept=kept,
        outside=outside,
    )
