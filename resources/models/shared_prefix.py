"""Reading once what several conversations start with: the pictures, and as many words as are the same.

The prefix is read alone, and what the model keeps of it (keys and values, states) is repeated for a batch of what
follows. Nothing of it needs a mask: what follows is filled up on the right, where no earlier token looks, and positions
follow from the length of the cache.

Not every model can: some keep nothing, have inputs that say of each token what is unknown here, or go on from a state
with one token alone. `SharingError` says the first two; the last shows in what comes out, which the caller is to try.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from transformers.cache_utils import Cache, DynamicCache

#: Inputs that have a value a token, and that what follows the pictures can do without.
_BY_TOKEN = {"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"}


class SharingError(RuntimeError):
    """The model cannot share what conversations start with; the message says why."""


@dataclass(frozen=True, slots=True)
class SharedPrefix:
    """What a model keeps of the first `length` tokens, pictures counted."""

    cache: Cache
    length: int

    @classmethod
    def read(cls, model: Any, inputs: Mapping[str, torch.Tensor], length: int, **options: Any) -> "SharedPrefix":
        """From the inputs of one conversation, all pictures of which lie in its first `length` tokens; `options` go to
        the model. SharingError where the model's state cannot be shared."""
        whole = inputs["input_ids"].shape
        by_token = {name for name, value in inputs.items() if value.shape[:2] == whole}
        if unknown := sorted(by_token - _BY_TOKEN):
            raise SharingError(f"its {', '.join(unknown)} belong to each token")
        # Models that count positions by pictures keep the count for what follows, even if that follows other pictures.
        for module in model.modules():
            if getattr(module, "rope_deltas", None) is not None:
                module.rope_deltas = None
        start = {name: value[:, :length] if name in _BY_TOKEN else value for name, value in inputs.items()}
        cache = model(**start, use_cache=True, **options).past_key_values
        if not isinstance(cache, DynamicCache):
            raise SharingError("it keeps nothing of a text that what follows could start from")
        return cls(cache, length)

    def follow(self, model: Any, ids: torch.Tensor, **options: Any) -> torch.Tensor:
        """Logits of tokens (rows, n) that follow the prefix; `options` go to the model."""
        cache = copy.deepcopy(self.cache)
        # Unlike `batch_repeat_interleave`, it knows of states too.
        first = torch.zeros(len(ids), dtype=torch.int64, device=ids.device)
        cache.reorder_cache(cast("torch.LongTensor", first))
        return model(input_ids=ids, past_key_values=cache, use_cache=True, **options).logits
