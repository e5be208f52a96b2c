from torch import nn

class HFTextEncoder(nn.Module):
    transformer: nn.Module
    proj: nn.Module
    vocab_size: int
    def __init__(
        self, model_name_or_path: str, output_dim: int, *, config: object, pooler_type: str, proj_type: str
    ) -> None: ...
