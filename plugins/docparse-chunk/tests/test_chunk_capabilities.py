"""What the stage says it can do here."""

from importlib.util import find_spec

import docparse_chunk


def test_what_an_extra_enables_is_told():
    told = {each.name: each for each in docparse_chunk.docparse_capabilities()}

    assert (told["Parquet"].enabled, told["Parquet"].remedy) == (
        find_spec("pyarrow") is not None,
        "pip install 'docparse-chunk[parquet]'",
    )
