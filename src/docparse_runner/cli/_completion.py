"""What a shell completes: names from tables and package metadata, so that a broken plugin disturbs nobody."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class ListedGroup(click.Group):
    """A group whose commands are completed by name, importing none; one that is broken has nothing to complete."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Return the commands, and the options of the group, that begin so."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only completion needs it

        names = [CompletionItem(name) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named; none when it is broken and a shell only wants to complete its line."""
        from docparse_runner.errors import DocparseError  # noqa: PLC0415 - after click, so that --version stays quick

        try:
            return super().resolve_command(ctx, args)
        except DocparseError:
            if not ctx.resilient_parsing:
                raise
            return None, None, []
