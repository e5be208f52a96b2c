import torch
from torch import nn

class AttentionPool2d(nn.Module):
    c_proj: nn.Linear
    v_proj: nn.Linear

class ModifiedResNet(nn.Module):
    attnpool: AttentionPool2d
    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential
    def stem(self, x: torch.Tensor) -> torch.Tensor: ...
