"""Stages in the order in which each finds its input made: from what they consume and produce, without any file."""

from collections.abc import Collection, Iterator, Sequence

import attrs

from docparse_runner.errors import UsageError


@attrs.frozen(kw_only=True)
class Member:
    """A stage of a pipeline.

    Attributes:
        name: the stage.
        consumes: the kinds that it reads.
        produces: the kinds that it makes.
        plans: whether it has a planner of its own, which knows what it can do without.
    """

    name: str
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    plans: bool = False


@attrs.frozen
class Gap:
    """What a stage consumes, and nobody made or makes before it.

    Attributes:
        stage: the stage.
        kind: what it lacks.
    """

    stage: str
    kind: str


def in_order(members: Sequence[Member]) -> list[Member]:
    """Return the stages so that each comes after those that make what it consumes; else they stay as they were given.

    Raises:
        UsageError: there is no such order; the message says which stages wait for each other.
    """
    placed, stuck = split(members)
    if stuck:
        msg = f"the pipeline goes in a circle: {circle(stuck)}; leave one of them out with --skip"
        raise UsageError(msg)
    return placed


def split(members: Sequence[Member]) -> tuple[list[Member], list[Member]]:
    """Return (the stages that have a place, in order; those that wait for each other)."""
    left, placed = list(members), []
    while left:
        ahead = {kind for member in left for kind in member.produces}
        ready = next((member for member in left if ahead.isdisjoint(member.consumes)), None)
        if ready is None:
            break
        left.remove(ready)
        placed.append(ready)
    return placed, left


def circle(stuck: Sequence[Member]) -> str:
    """Return who waits for whom among stages each of which waits for another of them."""
    waits: dict[str, tuple[str, str]] = {}
    member = stuck[0]
    while member.name not in waits:
        kind, maker = next((kind, each) for kind in member.consumes for each in stuck if kind in each.produces)
        waits[member.name] = (kind, maker.name)
        member = maker
    steps = list(waits.items())[list(waits).index(member.name) :]
    return ", ".join(f"{name} consumes {kind!r} of {maker}" for name, (kind, maker) in steps)


def rivals(members: Sequence[Member]) -> Iterator[tuple[str, list[str]]]:
    """Yield (kind, the stages that make it) of each kind that several make."""
    for kind in dict.fromkeys(kind for member in members for kind in member.produces):
        makers = [member.name for member in members if kind in member.produces]
        if len(makers) > 1:
            yield kind, makers


def gaps(members: Sequence[Member], there: Collection[str]) -> Iterator[Gap]:
    """Yield what is missing when stages run in this order.

    Args:
        members: the stages, in order.
        there: the kinds that exist before.
    """
    made = set(there)
    for member in members:
        if not member.plans:
            yield from (Gap(member.name, kind) for kind in member.consumes if kind not in made)
        made.update(member.produces)
