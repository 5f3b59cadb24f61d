"""The tables of a page, by its tags, its ruled cells or the rules between its rows; of two in one place one counts."""

import attrs

from docparse_doctags._layout._booktabs import booktabs_tables
from docparse_doctags._layout._grids import ruled_tables
from docparse_doctags._layout._lines import PageLines
from docparse_doctags._layout._rules import Drawing
from docparse_doctags._layout._table import Table
from docparse_doctags._layout._words import Words

_PADDING = 20.0
"""Rules lie at most one row, and so many points, above and below the letters of a table.

Of a table of two rows between rules, its letters alone were .59 of what is seen.
"""


def tables_of(page: PageLines, drawing: Drawing, words: Words) -> list[Table]:
    """Return the tables of a page but for those that are neither tagged nor drawn."""
    drawn = ruled_tables(drawing, words)
    drawn += [table for table in booktabs_tables(drawing, words) if not any(_overlap(table, one) for one in drawn)]
    tagged = [table for table in page.tables if not any(_has_more(one, table, page) for one in drawn)]
    tagged = [_with_rules(table, page, drawing) for table in tagged]
    tables = [*tagged, *(table for table in drawn if not any(_overlap(table, one) for one in tagged))]
    return [table.flipped() for table in tables] if page.mirrored else tables


def _has_more(drawn: Table, tagged: Table, page: PageLines) -> bool:
    """Return whether lines without a tag are in a table as it is drawn only: rows of heads, which a page repeats."""
    if not _overlap(drawn, tagged):
        return False
    outside = [line for line in page.lines if line.tag is None and not page.is_inside(line, *tagged.box)]
    return any(page.is_inside(line, *drawn.box) for line in outside)


def _with_rules(table: Table, page: PageLines, drawing: Drawing) -> Table:
    """Return a table with the rules around it in its box, where no other text is between."""
    left, top, right, bottom = table.box
    reach = min((bottom - top) / table.rows, _PADDING)
    rules = [rule for rule in drawing.across if top - reach < rule.at < bottom + reach]
    rules = [rule for rule in rules if rule.begin < right and left < rule.end]
    box = (
        min([left, *(rule.begin for rule in rules)]),
        min([top, *(rule.at for rule in rules)]),
        max([right, *(rule.end for rule in rules)]),
        max([bottom, *(rule.at for rule in rules)]),
    )
    own = all(page.is_inside(line, *table.box) for line in page.lines if page.is_inside(line, *box))
    return attrs.evolve(table, box=box) if own else table


def _overlap(one: Table, other: Table) -> bool:
    (left, top, right, bottom), there = one.box, other.box
    return left < there[2] and there[0] < right and top < there[3] and there[1] < bottom
