"""The runner's own options: one class, from which flags, variables, file keys and the reference come."""

import attrs

from docparse_runner._model import POLICIES
from docparse_runner._options import option


def _budget(_instance: object, _attribute: object, value: str | None) -> None:
    if value is None:
        return
    digits = value.removesuffix("%")
    try:
        good = float(digits) >= 0 and (value.endswith("%") or digits.isdigit())
    except ValueError:
        good = False
    if not good:
        msg = f"error_budget must be a count such as 10 or a percentage such as 5%, not {value!r}"
        raise ValueError(msg)


def _shard(_instance: object, _attribute: object, value: str | None) -> None:
    if value is None:
        return
    place, slash, count = value.partition("/")
    if not (slash and place.isdecimal() and count.isdecimal() and 1 <= int(place) <= int(count)):
        msg = f"shard must be I/N with I from 1 to N, such as 2/4, not {value!r}"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class StageOptions:
    """The runner's own options: the same on every stage, none of which changes an output.

    Attributes: each field's help text says what it does; they are the flags of ``docparse run STAGE``.
    """

    include: tuple[str, ...] = option(
        (),
        help="Take only documents whose id, or without a slash in it whose name, matches; * matches slashes too.",
        unit="glob",
        group="Input",
    )
    exclude: tuple[str, ...] = option(
        (), help="Leave out documents whose id or name matches.", unit="glob", group="Input"
    )
    shard: str | None = option(
        None,
        help="Take the I-th of N parts of the documents, the same part on every machine.",
        unit="I/N",
        group="Input",
        validator=_shard,
    )
    workers: int | None = option(
        None,
        help="Worker processes; 0 runs inline, for debuggers.",
        default_text="min(4, cores)",
        group="Execution",
        ge=0,
    )
    policy: str | None = option(
        None,
        help="How workers run: processes (cpu, gpu), or threads (io), which no deadline can kill.",
        default_text="the stage's",
        choices=POLICIES,
        group="Execution",
    )
    executor: str | None = option(
        None, help="Run the workers through this installed executor.", default_text="the policy's", group="Execution"
    )
    network: bool = option(
        True, help="Let stages ask model hubs; --no-network tells their libraries to stay offline.", group="Execution"
    )
    schedule: str = option(
        "fifo",
        help="Order of a bounded window: as planned, small items first, or large items first.",
        choices=("fifo", "sjf", "lpt"),
        group="Execution",
    )
    max_queue: int = option(
        0,
        help="Items read ahead of the workers.",
        default_text="258 per worker, and 1024 for sjf and lpt",
        group="Execution",
        ge=0,
    )
    limit: int | None = option(None, help="Run at most this many items.", group="Execution", ge=0)
    max_items_per_worker: int = option(
        0, help="Replace a worker process after so many items; 0 means never.", group="Execution", ge=0
    )
    recycle_memory_mb: int = option(
        0,
        help="Replace a worker process between two items when it uses more; 0 means never.",
        unit="MiB",
        group="Execution",
        ge=0,
    )
    memory_limit_mb: int = option(
        0, help="Kill an item whose worker process uses more; 0 means no limit.", unit="MiB", group="Failures", ge=0
    )
    timeout_s: float | None = option(
        None,
        help="Deadline of one item; its process is killed. 0 means none.",
        unit="seconds",
        default_text="the item's, else the stage's",
        group="Failures",
        ge=0,
    )
    retries: int = option(
        0, help="Try again this often after io and provider failures and a crash.", group="Failures", ge=0
    )
    retry_backoff_s: float = option(
        1.0, help="First wait before a retry; doubles.", unit="seconds", group="Failures", ge=0
    )
    error_budget: str | None = option(
        None,
        help="Stop when more items than this have failed: a count, or a percentage such as 5%.",
        group="Failures",
        validator=_budget,
    )
    allow_quarantined: bool = option(
        False, help="Do not let remembered failures change the exit code.", group="Failures"
    )
    resume: bool = option(True, help="Leave out what is up to date.", group="Resume")
    force: bool = option(False, help="Run everything, up to date or not.", group="Resume")
    verify_hash: bool = option(
        False, help="Digest every input and output instead of trusting size and time.", group="Resume"
    )
    retry_quarantined: bool = option(
        False, help="Try again what was bad, crashed, hung or ran out of memory.", group="Resume"
    )
    dry_run: bool = option(False, help="Say what would run and why; touch nothing.", group="Resume")
    diagnostics_interval_s: float = option(
        30.0, help="Between two progress lines when not on a terminal.", unit="seconds", group="Output", gt=0
    )
    seed: int | None = option(None, help="Seed of the random part of retry waits.", group="Failures")
