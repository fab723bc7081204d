"""`mirror completion SHELL`: what a shell needs to complete commands, options, and the names of cached images."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

_SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
_NAME, _VARIABLE = "mirror", "_MIRROR_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice([*_SHELLS]))
def command(shell: str) -> None:
    """Print what makes SHELL complete the commands of `mirror`, their options, and names of cached images.

    \b
    bash: echo 'source <(mirror completion bash)' >> ~/.bashrc
    zsh:  echo 'source <(mirror completion zsh)' >> ~/.zshrc
    fish: mirror completion fish > ~/.config/fish/completions/mirror.fish

    Example: source <(mirror completion bash)
    """
    click.echo(_SHELLS[shell](click.Group(), {}, _NAME, _VARIABLE).source())
