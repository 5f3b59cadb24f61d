"""The contract that every stage keeps, as tests to inherit."""

from docparse_runner.testing._definition import DefinitionContract
from docparse_runner.testing._trouble import TroubleContract
from docparse_runner.testing._work import WorkContract


class StageContract(TroubleContract, WorkContract, DefinitionContract):
    """Inherit, name the stage and some documents, and more than twenty tests check that it keeps the contract.

    What there is to set is said in ``Contract``; ``stage`` and ``documents`` are all that most stages need.
    """
