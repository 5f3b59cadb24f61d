"""Which documents a run takes: ``--include``, ``--exclude`` and ``--shard``."""

import fnmatch
import hashlib
import re
from collections.abc import Callable, Sequence

import attrs

from docparse_runner._runner_options import StageOptions


def _matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return whether an id matches one of the patterns; one without a slash is compared with the last part."""
    of_ids = [fnmatch.translate(pattern) for pattern in patterns if "/" in pattern]
    of_names = [fnmatch.translate(pattern) for pattern in patterns if "/" not in pattern]
    ids, names = (re.compile("|".join(each) or "(?!)") for each in (of_ids, of_names))
    return lambda item_id: bool(ids.match(item_id) or names.match(item_id.rpartition("/")[2]))


def shard_of(item_id: str, count: int) -> int:
    """Return which of `count` shards, from 1, an id belongs to: by its SHA-256, the same on every machine."""
    return int.from_bytes(hashlib.sha256(item_id.encode()).digest()[:8]) % count + 1


@attrs.frozen
class Selection:
    """What ``--include``, ``--exclude`` and ``--shard`` let through.

    Attributes:
        is_partial: whether documents are left out that no other shard takes.
        is_everything: whether nothing is left out.
        wants: whether an item id is let through.
    """

    is_partial: bool
    is_everything: bool
    wants: Callable[[str], bool]

    @classmethod
    def of(cls, options: StageOptions) -> "Selection":
        """Return the selection that the options describe."""
        tests: list[Callable[[str], bool]] = []
        if options.include:
            tests.append(_matcher(options.include))
        if options.exclude:
            excluded = _matcher(options.exclude)
            tests.append(lambda item_id: not excluded(item_id))
        is_partial = bool(tests)
        if options.shard:
            place, count = map(int, options.shard.split("/"))
            if count > 1:
                tests.append(lambda item_id: shard_of(item_id, count) == place)
        if not tests:
            return cls(is_partial, is_everything=True, wants=lambda _item_id: True)
        return cls(is_partial, is_everything=False, wants=lambda item_id: all(test(item_id) for test in tests))
