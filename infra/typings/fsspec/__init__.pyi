# What is used of fsspec, which has no types of its own.
from fsspec.spec import AbstractFileSystem as AbstractFileSystem

def url_to_fs(url: str) -> tuple[AbstractFileSystem, str]: ...
