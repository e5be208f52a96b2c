"""One folder, wherever it lies: what delta-rs, Arrow, reports, exports, gates and drops need of it comes from here.

Arrow's own clients serve every kind of store, so that no package but pyarrow and deltalake is needed for any, and both
are given the same options: an address means one place to all of them.
"""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.fs as pafs

from resources.config.places import is_address, local_path, plain_address
from resources.storage.schemes import RETRIES, StoreError, is_plain_http, scheme_of

_COPY_BYTES = 8 << 20
_NO_BUCKET = ("NoSuchBucket", "NO_SUCH_BUCKET", "ContainerNotFound")


@dataclass(frozen=True, slots=True)
class Storage:
    """The folder at `root`, a local path or an address such as s3://bucket/folder. `options` are delta-rs's names, in
    lower case, of what the store must be given; they hold credentials, and go to workers with this object.

    Names of files are relative to the folder, with forward slashes. What is not there is a FileNotFoundError; of a
    store, any other failure is a StoreError."""

    root: str
    options: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def at(cls, place: str | Path, options: Mapping[str, str] | None = None, *, owner: str = "the folder") -> "Storage":
        """The folder at that place, which need not be there yet. Without `options` those of the environment count.

        Raises PlaceError where it is no place (`owner` is what it is the place of), StoreError where no such kind of
        store is known."""
        if not is_address(place):
            return cls(str(local_path(place, owner)))
        root = plain_address(place)
        known = scheme_of(root).from_environment() if options is None else options
        return cls(root, {name.lower(): value for name, value in known.items()})

    @property
    def local(self) -> bool:
        """Whether it lies on this machine's own disks, or what is mounted among them."""
        return not is_address(self.root)

    @property
    def delta_options(self) -> dict[str, str]:
        """What delta-rs is given for a table in the folder."""
        if self.local:
            return {}
        plain_http = {"allow_http": "true"} if is_plain_http(self.options) else {}
        return {**RETRIES, **plain_http, **self.options}

    def open(self) -> tuple[pafs.FileSystem, str]:
        """The file system, and the folder's path in it. StoreError where what it takes is not there."""
        if self.local:
            return pafs.LocalFileSystem(), self.root
        return _opened(self.root, tuple(sorted(self.options.items())))

    def below(self, name: str) -> "Storage":
        """A folder in this one."""
        return Storage(f"{self.root}/{name}", self.options)

    def read(self, name: str) -> bytes | None:
        """The bytes of a small file; None where there is none."""
        filesystem, base = self.open()
        try:
            with self.reaching(), filesystem.open_input_stream(f"{base}/{name}") as stream:
                return stream.read()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes, *, content_type: str = "application/octet-stream") -> str:
        """A file, there whole or not at all; returns its place. What bore the name before is replaced."""
        with self.writing(name, content_type=content_type) as stream:
            stream.write(data)
        return f"{self.root}/{name}"

    @contextmanager
    def writing(
        self, name: str, *, content_type: str = "application/octet-stream"
    ) -> Generator[pa.NativeFile, None, None]:
        """A stream to a file that appears under its name when the block ends well."""
        filesystem, base = self.open()
        path = f"{base}/{name}"
        # A store shows an object when it is whole; a disk shows each byte.
        by_steps = isinstance(filesystem, pafs.LocalFileSystem | pafs.HadoopFileSystem)
        folder, _, last = path.rpartition("/")
        target = f"{folder}/.{last}.{uuid4().hex}" if by_steps else path
        with self.reaching():
            if by_steps:
                filesystem.create_dir(folder, recursive=True)
            stream = filesystem.open_output_stream(
                target, metadata=None if by_steps else {"Content-Type": content_type}
            )
            try:
                yield stream
            except BaseException:
                _give_up(filesystem, target, stream)
                raise
            stream.close()
            if by_steps:
                filesystem.move(target, path)

    def copy_in(self, path: Path, name: str) -> None:
        """A local file's bytes as a file of the folder."""
        with path.open("rb") as source, self.writing(name) as sink:
            while piece := source.read(_COPY_BYTES):
                sink.write(piece)

    def sizes(self, name: str = "") -> dict[str, int]:
        """The files below a folder in this one, with their sizes in bytes; names are relative to this folder."""
        filesystem, base = self.open()
        selector = pafs.FileSelector(f"{base}/{name}".rstrip("/"), allow_not_found=True, recursive=True)
        with self.reaching():
            infos = filesystem.get_file_info(selector)
        return {info.path.removeprefix(f"{base}/"): info.size for info in infos if info.type == pafs.FileType.File}

    def size(self, name: str) -> int | None:
        """The size of a file in bytes; None where there is none."""
        filesystem, base = self.open()
        with self.reaching():
            info = filesystem.get_file_info(f"{base}/{name}")
        return info.size if info.type == pafs.FileType.File else None

    def remove(self, name: str) -> None:
        """A file, or a folder with all that is in it, whether or not it is there."""
        filesystem, base = self.open()
        with self.reaching():
            info = filesystem.get_file_info(f"{base}/{name}")
            with suppress(FileNotFoundError):
                if info.type == pafs.FileType.Directory:
                    filesystem.delete_dir(f"{base}/{name}")
                elif info.type == pafs.FileType.File:
                    filesystem.delete_file(f"{base}/{name}")

    @contextmanager
    def reaching(self) -> Generator[None, None, None]:
        """Turns what a store's client says into a StoreError with the fix; a local disk's own errors rise as they
        are."""
        try:
            yield
        except (FileNotFoundError, StoreError):
            raise
        except OSError as error:
            if self.local:
                raise
            raise StoreError(self.refusal(error)) from error

    def refusal(self, error: Exception) -> str:
        """What a store's client said, or a disk, with what to do."""
        if self.local:
            return f"{self.root}: {plain_reason(error)}"
        gone = any(word in str(error) for word in _NO_BUCKET)
        advice = "make the bucket first, or mend the address" if gone else scheme_of(self.root).advice
        return f"{self.root}: the store refuses or does not answer ({plain_reason(error)}): {advice}"


def plain_reason(error: Exception) -> str:
    """What a store's client says, on one line, without colours, and not longer than a person reads."""
    words = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).replace("↳", ":")
    words = re.sub(r"<\?xml.*?<Code>(\w+)</Code>.*", r"\1", words, flags=re.DOTALL)
    reason = re.sub(r"\s*:\s+", ": ", " ".join(words.split())).rstrip(".")
    return reason if len(reason) <= 600 else f"{reason[:600]}..."


@lru_cache(maxsize=64)
def _opened(root: str, options: tuple[tuple[str, str], ...]) -> tuple[pafs.FileSystem, str]:
    """One client an address and process: each keeps its connections."""
    try:
        return scheme_of(root).open(root, dict(options))
    except OSError as error:
        raise StoreError(f"{root}: {plain_reason(error)}: {scheme_of(root).advice}") from error


def _give_up(filesystem: pafs.FileSystem, path: str, stream: pa.NativeFile) -> None:
    """Leaves nothing of a file that was not written to its end."""
    with suppress(OSError):
        stream.close()  # an upload cannot be given up, only ended and removed
    with suppress(OSError):
        filesystem.delete_file(path)
