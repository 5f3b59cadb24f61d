"""Which sink has the index of a data root: what a search opens, and what a run must not mix up.

A sink that was used before another one has missed what happened meanwhile, documents that are gone above all. So the
sink of the last run is remembered, and one that was not is emptied before it is written to again.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from docparse_index._options import Options
from docparse_index.sinks import Place, load_sink

_FILE = "sink.json"


@attrs.frozen(kw_only=True)
class Active:
    """The sink of the last run.

    Attributes:
        sink: its name.
        collection: the name of the index in it.
        generation: of its store; empty when it is to be made again.
    """

    sink: str = "sqlite"
    collection: str = "docparse"
    generation: str = ""


def read_active(root: Path) -> Active | None:
    """Return which sink has the index of a data root; None when nothing says so."""
    try:
        found = json.loads((root / "index" / _FILE).read_text(encoding="utf-8"))
        return Active(**{field.name: str(found[field.name]) for field in attrs.fields(Active)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def resolve(options: Options, root: Path, *, create: bool) -> Mapping[str, str | None]:
    """Return the generation of the store that the options mean, which is made or emptied where that is needed.

    Args:
        options: of the stage.
        root: the data root.
        create: whether anything may be made; without it the answer is that of a store that is not there.
    """
    sink, place, active = load_sink(options.sink), place_of(options, root), read_active(root)
    is_asked_for = active is not None and not active.generation
    found = None if is_asked_for else sink.generation(place, create=False)
    wanted = Active(sink=options.sink, collection=options.collection, generation=found or "")
    if not create:
        return {"generation": found if active in (None, wanted) else None}
    if found is None or active not in (None, wanted):
        sink.reset(place)
        found = sink.generation(place, create=True)
    _write(root, attrs.evolve(wanted, generation=found or ""))
    return {"generation": found}


def ask_for_rebuild(options: Options, root: Path) -> None:
    """Let the next run make a new store, whatever state the present one is in."""
    _write(root, Active(sink=options.sink, collection=options.collection))


def place_of(options: Options, root: Path) -> Place:
    """Return where the sink keeps the index."""
    return Place(root=root, collection=options.collection, url=options.url)


def _write(root: Path, active: Active) -> None:
    if read_active(root) == active:
        return
    path = root / "index" / _FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{_FILE}.{os.getpid()}.tmp")
    data: dict[str, Any] = {"schema_version": 1, **attrs.asdict(active)}
    beside.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    os.replace(beside, path)
