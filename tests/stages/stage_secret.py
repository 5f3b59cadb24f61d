"""Give a secret away, in the way that the document asks for."""

import os
import sys
from urllib.parse import quote

import attrs

from docparse_runner import ItemOutcome, Output, SkipItem, Stage, StageError, hookimpl, option


@attrs.frozen(kw_only=True)
class Options:
    token: str | None = option(None, help="Opens a door.", secret=True)
    hook: str = option("", help="The hook that gives the token away.", affects_output=False)


class OwnTextError(Exception):
    def __init__(self, token):
        super().__init__()
        self.token = token

    def __str__(self):
        return f"the door does not open with {self.token}"


def _message(token, _logger):
    raise ValueError(f"refused: {token!r}")  # noqa: EM102, TRY003 - as people write


def _chained(token, logger):
    try:
        _message(token, logger)
    except ValueError as error:
        raise KeyError({"headers": token}) from error


def _own(token, _logger):
    raise StageError(f"no access with {token}", detail=f"Authorization: {token}")  # noqa: EM102, TRY003 - as above


def _printed(token, logger):
    print(f"x{token}" * 500, file=sys.stderr)
    logger.warning("GET /?key=%s", quote(token))
    raise RuntimeError


def _crash(token, _logger):
    print("y" * 1000 + f"<{token}>" * 600, flush=True)
    os.abort()


def _long(token, _logger):
    raise ValueError("z" * 1985 + token)


def _skip(token, _logger):
    raise SkipItem(f"nothing behind {token}")  # noqa: EM102, TRY003 - as above


def _partial(token, _logger):
    return ItemOutcome.partial(f"only {token}", used=[token], **{f"door {token}": 1})


WAYS = {way.__name__[1:]: way for way in (_message, _chained, _own, _printed, _crash, _long, _skip, _partial)}


@hookimpl
def docparse_stage():
    return Stage(
        name="secret",
        version=1,
        consumes=["source"],
        patterns=["*.txt"],
        produces={"secret": Output(".secret")},
        options=Options,
    )


def _give_away(context, hook):
    if context.options.hook == hook:
        raise OwnTextError(context.options.token)


@hookimpl
def docparse_resolve(context):
    _give_away(context, "resolve")
    return {"door": context.options.token} if context.options.hook == "resolved" else {}


@hookimpl
def docparse_before_stage(context):
    _give_away(context, "before_stage")


@hookimpl
def docparse_after_stage(context):
    return {"door": context.options.token}


@hookimpl
def docparse_worker(context):
    _give_away(context, "worker")

    def work(item):
        item.outputs["secret"].write_text("made")
        return WAYS[item.inputs["source"].read_text()](context.options.token, context.logger)

    return work
