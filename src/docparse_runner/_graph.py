"""The graph of the installed stages and the kinds that they read and make."""

from collections.abc import Iterator, Sequence
from typing import Any

from docparse_runner._installed import Installed
from docparse_runner._pipeline import Member, circle, gaps, rivals, split

_SOURCE = "source"


def members_of(stages: Sequence[Installed]) -> list[Member]:
    """Return the stages that can be used, in an order in which they can run; those that wait for each other last."""
    members = [
        Member(name=each.name, consumes=each.consumes, produces=tuple(each.produces)) for each in stages if each.stage
    ]
    placed, stuck = split(members)
    return [*placed, *stuck]


def as_plain(stages: Sequence[Installed]) -> dict[str, Any]:
    """Return nodes and edges as JSON data; a node's id is its type, a colon and its name."""
    members = members_of(stages)
    kinds = dict.fromkeys(kind for member in members for kind in (*member.consumes, *member.produces))
    nodes = [{"id": f"kind:{kind}", "type": "kind", "name": kind} for kind in kinds]
    nodes += [{"id": f"stage:{member.name}", "type": "stage", "name": member.name} for member in members]
    edges = []
    for member in members:
        edges += [{"from": f"kind:{kind}", "to": f"stage:{member.name}"} for kind in member.consumes]
        edges += [{"from": f"stage:{member.name}", "to": f"kind:{kind}"} for kind in member.produces]
    return {"schema_version": 1, "nodes": nodes, "edges": edges, "remarks": list(remarks(stages))}


def lines(stages: Sequence[Installed]) -> Iterator[str]:
    """Yield a line for each stage: what it reads, itself, what it makes; then what is odd."""
    members = members_of(stages)
    left = max((len(", ".join(member.consumes)) for member in members), default=0)
    middle = max((len(member.name) for member in members), default=0)
    for member in members:
        name = f" {member.name} ".center(middle + 2, "─")
        yield f"{', '.join(member.consumes):>{left}} ──{name}──▶ {', '.join(member.produces)}"
    yield from remarks(stages)


def remarks(stages: Sequence[Installed]) -> Iterator[str]:
    """Yield a sentence for each kind that nobody makes or several make, for a circle, and for each broken stage."""
    members = members_of(stages)
    made = {kind for member in members for kind in member.produces}
    for gap in gaps(members, {_SOURCE, *made}):
        yield f"{gap.kind!r}, which {gap.stage} consumes, is made by no installed stage"
    for kind, makers in rivals(members):
        yield f"{kind!r} is made by {' and '.join(makers)}: a pipeline can have only one of them"
    if stuck := split(members)[1]:
        yield f"these cannot run in one pipeline: {circle(stuck)}"
    for each in stages:
        if each.problem:
            yield f"{each.name} is left out: {each.problem} ({each.remedy})"
