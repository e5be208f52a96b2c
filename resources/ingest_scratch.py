"""Where an ingest keeps what is finished until all is: files under `.scratch` of the lake, by delivery."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from resources.lake import Lake
from resources.lake_files import open_storage


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder of the lake's storage. Each file appears in one step, a result last, so that its tables are whole."""

    lake: Lake
    name: str

    def _storage(self) -> tuple[pafs.FileSystem, str]:
        filesystem, base = open_storage(self.lake.root, self.lake.storage_options)
        return filesystem, f"{base}/.scratch/{self.name}"

    @contextmanager
    def _whole(self, name: str) -> Iterator[tuple[pafs.FileSystem, str]]:
        """A path to write to, moved to its name at the end: two processes that take in the same drop write the same
        files, and neither may read half of one."""
        filesystem, folder = self._storage()
        filesystem.create_dir(folder, recursive=True)
        partial = f"{folder}/{name}.{uuid4().hex}.partial"
        yield filesystem, partial
        filesystem.move(partial, f"{folder}/{name}")

    def write_table(self, name: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
        """A table, streamed."""
        with (
            self._whole(f"{name}.parquet") as (filesystem, path),
            pq.ParquetWriter(path, schema, filesystem=filesystem, compression="zstd") as writer,
        ):
            for batch in batches:
                writer.write_batch(batch)

    def read_table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """A table of this scratch."""
        filesystem, folder = self._storage()
        return pq.read_table(f"{folder}/{name}.parquet", columns=columns, filesystem=filesystem, partitioning=None)

    def write_result(self, name: str, result: dict[str, Any]) -> None:
        """What a task found, once its tables are written."""
        with self._whole(f"{name}.json") as (filesystem, path), filesystem.open_output_stream(path) as stream:
            stream.write(json.dumps(result).encode())

    def read_result(self, name: str) -> dict[str, Any] | None:
        """What a task found before, if it came to its end."""
        filesystem, folder = self._storage()
        path = f"{folder}/{name}.json"
        if filesystem.get_file_info(path).type != pafs.FileType.File:
            return None
        with filesystem.open_input_stream(path) as stream:
            return json.loads(stream.read())

    def exists(self, path: str) -> bool:
        """Whether there is a file at a path relative to the lake's root."""
        filesystem, _ = self._storage()
        base = open_storage(self.lake.root, self.lake.storage_options)[1]
        return filesystem.get_file_info(f"{base}/{path}").type == pafs.FileType.File

    def remove(self) -> None:
        """Everything of this scratch, whoever else removes it."""
        filesystem, folder = self._storage()
        with suppress(FileNotFoundError):
            filesystem.delete_dir(folder)
