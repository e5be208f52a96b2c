"""Where an ingest keeps what is finished until all is: files under `.scratch` of the lake, by delivery."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from resources.lake import Lake
from resources.lake_files import open_storage


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder of the lake's storage. A result is written last and in one step: where it is, its tables are whole."""

    lake: Lake
    name: str

    def _storage(self) -> tuple[pafs.FileSystem, str]:
        filesystem, base = open_storage(self.lake.root, self.lake.storage_options)
        return filesystem, f"{base}/.scratch/{self.name}"

    def write_table(self, name: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
        """A table, streamed."""
        filesystem, folder = self._storage()
        filesystem.create_dir(folder, recursive=True)
        with pq.ParquetWriter(f"{folder}/{name}.parquet", schema, filesystem=filesystem, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)

    def read_table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """A table of this scratch."""
        filesystem, folder = self._storage()
        return pq.read_table(f"{folder}/{name}.parquet", columns=columns, filesystem=filesystem, partitioning=None)

    def write_result(self, name: str, result: dict[str, Any]) -> None:
        """What a task found, once its tables are written."""
        filesystem, folder = self._storage()
        filesystem.create_dir(folder, recursive=True)
        with filesystem.open_output_stream(f"{folder}/{name}.partial") as stream:
            stream.write(json.dumps(result).encode())
        filesystem.move(f"{folder}/{name}.partial", f"{folder}/{name}.json")

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
        """Everything of this scratch."""
        filesystem, folder = self._storage()
        if filesystem.get_file_info(folder).type == pafs.FileType.Directory:
            filesystem.delete_dir(folder)
