"""Which sections share chunks: small ones, with a neighbour under the same heading."""

import attrs

from docparse_chunk._compose import Tail, common_depth, is_below, tail
from docparse_chunk._measure import Measured
from docparse_chunk._units import Limits


@attrs.define(kw_only=True)
class Group:
    """Consecutive sections that share chunks.

    Attributes:
        limits: what chunks have to keep to.
        sections: at least one.
        size: tokens of their text, with the headings that stand in it.
        common: how many headings they share, from the outermost.
    """

    limits: Limits
    sections: list[Measured]
    size: int
    common: int
    _tail: Tail | None = None

    @classmethod
    def of(cls, section: Measured, limits: Limits) -> "Group":
        """Return a group of one section."""
        return cls(limits=limits, sections=[section], size=section.size, common=len(section.path))

    def takes(self, section: Measured, following: Measured | None) -> bool:
        """Say whether the next section is taken into the group; if so, it is.

        Args:
            section: the section right behind the group.
            following: the one after that.
        """
        if section.apart:
            return False
        is_heading = not section.size and self.size >= self.limits.min_tokens > 0
        if not is_heading:
            return self._joins(section)
        if following is not None and self._introduces(section, following):
            return False
        self._end_with(section)
        return True

    def _introduces(self, heading: Measured, following: Measured) -> bool:
        """Say whether a heading with nothing under it can begin a chunk that is large enough."""
        return following.size >= self.limits.min_tokens and Group.of(heading, self.limits).takes(following, None)

    def _end_with(self, heading: Measured) -> None:
        """Put a heading with nothing under it behind the text of the last section; it is true of nothing there."""
        last = self.sections[-1]
        self.sections[-1] = attrs.evolve(last, units=last.units + heading.units, costs=last.costs + heading.costs)
        self._grow(heading)

    def _joins(self, section: Measured) -> bool:
        first = self.sections[0]
        common = min(self.common, common_depth(first.path, section.path))
        is_needed = min(self.size, section.size) < self.limits.min_tokens
        # Only headings of the first section could be lost: those of the others stand in the text, or above it too.
        keeps_headings = common >= len(first.path) - first.heads
        if not (is_needed and keeps_headings and self._has_room(section)):
            return False
        self.sections.append(section)
        self.common = common
        self._grow(section)
        return True

    def _has_room(self, section: Measured) -> bool:
        most = self.limits.max_tokens
        context, cost = self.sections[0].context, sum(section.costs)
        if context + self.size + cost <= most:
            return True
        if self.size < self.limits.min_tokens:
            return section.context + section.size > most  # it has to be cut anyway
        if context + self.size <= most:
            return False
        self._tail = self._tail or tail(self.sections, self.limits)
        return is_below(section.path, self._tail.path) and self._tail.tokens + cost <= most

    def _grow(self, section: Measured) -> None:
        cost = sum(section.costs)
        self.size += cost
        if self._tail is not None:
            self._tail = attrs.evolve(self._tail, tokens=self._tail.tokens + cost)
