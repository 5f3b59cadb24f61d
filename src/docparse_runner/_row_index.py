"""The last row of each item of a manifest, found without keeping a million rows in memory.

Reading notes where each item's last row lies; a row is decoded when somebody asks for it. Measured on rows of 893
bytes: 1.6 us and 180 bytes a row, where decoding and keeping them takes 3.6 us and 2,300 bytes.
"""

import os
import threading
import weakref
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from pathlib import Path

import msgspec

from docparse_runner._row import UNREADABLE, Row

_OFFSET, _FILE = 48, 32
"""A place is one number, because a tuple would take twice the memory: offset, file and length of a line."""


class _Head(msgspec.Struct, gc=False):
    item_id: str


class RowIndex(Mapping[str, Row]):
    """Item id → its last row, in the order in which the items were first recorded.

    A line that is no JSON, or names no item, is skipped and counted when the files are read. A strict index decodes
    each line wholly then, for 0.7 us more; another one reads its files once more, strictly, when a line that somebody
    asks for turns out to be no row. Then the item's older row, if any, is its last one.

    Attributes:
        unreadable: how many lines could not be read.
    """

    def __init__(self, paths: Iterable[Path] = (), *, strict: bool = False) -> None:
        """Read manifests; of an item that several of them name, the row in the last one counts."""
        self._files: list[int] = []
        self._closing: list[Callable[[], object]] = []
        self._changing = threading.Lock()
        self._decoder = msgspec.json.Decoder(Row)
        self.unreadable = 0
        for path in paths:
            self._open(path)
        self._places = self._scan(self._decoder if strict else msgspec.json.Decoder(_Head))

    def _open(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return
        self._closing.append(weakref.finalize(self, os.close, descriptor))
        self._files.append(descriptor)

    def _scan(self, decoder: msgspec.json.Decoder[_Head] | msgspec.json.Decoder[Row]) -> dict[str, int]:
        places: dict[str, int] = {}
        decode = decoder.decode
        self.unreadable = 0
        for number, descriptor in enumerate(self._files):
            os.lseek(descriptor, 0, os.SEEK_SET)
            offset = 0
            with open(descriptor, "rb", closefd=False) as file:
                for line in file:
                    length = len(line)
                    try:
                        places[decode(line).item_id] = offset << _OFFSET | number << _FILE | length
                    except UNREADABLE:
                        self.unreadable += bool(line.strip())
                    offset += length
        return places

    def __getitem__(self, item_id: str) -> Row:
        """Return the last row of an item."""
        try:
            return self._read(self._places[item_id])
        except UNREADABLE:
            self._read_strictly()
        return self._read(self._places[item_id])

    def _read(self, place: int) -> Row:
        file, length = place >> _FILE & 0xFFFF, place & 0xFFFFFFFF
        return self._decoder.decode(os.pread(self._files[file], length, place >> _OFFSET))

    def _read_strictly(self) -> None:
        with self._changing:
            places = self._scan(self._decoder)
            self._places = {item_id: places[item_id] for item_id in self._places if item_id in places}

    def __iter__(self) -> Iterator[str]:
        """Yield the item ids."""
        return iter(self._places)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._places)

    def __contains__(self, item_id: object) -> bool:
        """Whether an item is recorded."""
        return item_id in self._places

    def items(self) -> ItemsView[str, Row]:
        """Return a view of (item id, row)."""
        return _Items(self)

    def values(self) -> ValuesView[Row]:
        """Return a view of the rows."""
        return _Values(self)

    def close(self) -> None:
        """Close the files; rows cannot be read any more."""
        for close in self._closing:
            close()

    def take(self, item_id: str) -> Row | None:
        """Remove an item and return its last row, None if there is none."""
        row = self.get(item_id)
        self.drop(item_id)
        return row

    def drop(self, item_id: str) -> None:
        """Remove an item."""
        with self._changing:
            self._places.pop(item_id, None)


class _Items(ItemsView[str, Row]):
    """Those items whose last row can be read; an id that only an unreadable line names is left out."""

    _mapping: RowIndex

    def __iter__(self) -> Iterator[tuple[str, Row]]:
        for item_id in self._mapping:
            if (row := self._mapping.get(item_id)) is not None:
                yield item_id, row


class _Values(ValuesView[Row]):
    """See ``_Items``."""

    _mapping: RowIndex

    def __iter__(self) -> Iterator[Row]:
        return (row for _item_id, row in self._mapping.items())
