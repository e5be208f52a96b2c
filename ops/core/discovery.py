"""How the registries find what each file of a folder declares."""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any


def declared(package: ModuleType, attribute: str, *, order: Callable[[Any], Any]) -> dict[str, Any]:
    """What the modules of `package` define under `attribute`, by its `name`, in the given order. ValueError where two
    share a name."""
    modules = (import_module(f"{package.__name__}.{m.name}") for m in iter_modules(package.__path__))
    items = sorted((getattr(m, attribute) for m in modules if hasattr(m, attribute)), key=order)
    by_name = {item.name: item for item in items}
    if len(by_name) != len(items):
        raise ValueError(f"two files of {package.__name__} declare the same name: {[item.name for item in items]}")
    return by_name
