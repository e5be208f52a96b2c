"""What of ruamel.yaml is used in strict code, whose own types are partly unknown."""

from typing import BinaryIO

from ruamel.yaml.nodes import Node, ScalarNode

from ops.core.json_values import Fields, Json

class Constructor:
    def construct_object(self, node: ScalarNode) -> Json: ...

class YAML:
    constructor: Constructor
    def __init__(self, *, typ: str = ..., pure: bool = ...) -> None: ...
    def load(self, stream: str) -> Json: ...
    def compose(self, stream: str) -> Node | None: ...
    def dump(self, data: Fields, stream: BinaryIO) -> None: ...
