"""Change a file as a page says: ``python apply_diff.py DIFF FILE``.

Lines begin with ``+``, ``-`` or a space; ``@@`` stands between places. What was there must be in the file exactly once.
"""

import re
import sys
from pathlib import Path


def changed(text, diff):
    """Return the text with the diff applied."""
    for place in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = place.splitlines(keepends=True)
        old = "".join(line[1:] or "\n" for line in lines if not line.startswith("+"))
        new = "".join(line[1:] or "\n" for line in lines if not line.startswith("-"))
        assert text.count(old) == 1, f"expected once:\n{old}"
        text = text.replace(old, new)
    return text


if __name__ == "__main__":
    file = Path(sys.argv[2])
    file.write_text(changed(file.read_text(encoding="utf-8"), Path(sys.argv[1]).read_text(encoding="utf-8")), "utf-8")
