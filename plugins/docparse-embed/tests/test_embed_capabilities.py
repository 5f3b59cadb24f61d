"""What the stage says it can do here."""

from importlib.util import find_spec

import docparse_embed


def test_what_an_extra_enables_is_told():
    told = {each.name: each for each in docparse_embed.docparse_capabilities()}

    assert told["sentence-transformers"].enabled
    assert (told["OpenVINO"].enabled, told["OpenVINO"].remedy) == (
        find_spec("openvino") is not None,
        "pip install 'docparse-embed[openvino]'",
    )
