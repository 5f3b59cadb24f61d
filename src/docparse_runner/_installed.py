"""The installed stages, each with what it says of itself, or with what is wrong with it."""

from collections.abc import Mapping

import attrs

from docparse_runner._capability import Capability
from docparse_runner._entry_points import STAGES, Listed, listed
from docparse_runner._model import Output, Stage
from docparse_runner._plugins import load_stage
from docparse_runner.errors import PluginError


@attrs.frozen(kw_only=True)
class Installed:
    """A stage that some package installed.

    Attributes:
        entry: what the package's metadata says.
        stage: what the stage says, or None of one that cannot be used.
        produces: kind → ``Output``, under the defaults of its options.
        problem: what is wrong with it; empty of a stage that can be used.
        remedy: what to do about that.
    """

    entry: Listed
    stage: Stage | None = None
    produces: Mapping[str, Output] = attrs.field(factory=dict)
    problem: str = ""
    remedy: str = ""

    @property
    def name(self) -> str:
        """The entry point's name."""
        return self.entry.name

    @property
    def distributions(self) -> tuple[str, ...]:
        """The packages that claim the name."""
        return (self.entry.distribution, *self.entry.rivals)

    @property
    def consumes(self) -> tuple[str, ...]:
        """The kinds that the stage consumes, as far as it can be asked."""
        return tuple(self.stage.consumes) if self.stage else ()

    def capabilities(self) -> tuple[Capability, ...]:
        """Return what the stage can do here and what would let it do more; of one that cannot say it, why not."""
        if self.stage is None:
            return ()
        try:
            return load_stage(self.name).capabilities()
        except PluginError as error:
            remedy = f"tell the authors of {self.entry.distribution}; its runs are not concerned"
            return (Capability(name="list of capabilities", summary=error.problem, enabled=False, remedy=remedy),)


def installed_stages() -> list[Installed]:
    """Return every installed stage, sorted by name; each is imported, a broken one harms no other."""
    return [_asked(entry) for entry in listed(STAGES)]


def _asked(entry: Listed) -> Installed:
    try:
        plugin = load_stage(entry.name)
        return Installed(entry=entry, stage=plugin.stage, produces=plugin.outputs(plugin.defaults()))
    except PluginError as error:
        remedy = error.remedy or f"pip install --upgrade {entry.distribution}, or tell its authors"
        return Installed(entry=entry, problem=error.problem, remedy=remedy)
