"""What the stage says it can do here."""

from importlib.util import find_spec

import docparse_index


def test_sinks_and_what_enables_the_others_are_told():
    told = {each.name: each for each in docparse_index.docparse_capabilities()}

    assert told["sqlite"].enabled
    assert (told["lancedb"].enabled, told["lancedb"].remedy) == (
        find_spec("lancedb") is not None,
        "pip install 'docparse-index[lancedb]'",
    )
