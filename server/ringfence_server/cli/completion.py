"""Shell completion: a script that knows every command and option, so that completing starts no program.

It is made from the commands themselves, and is as old as the ringfence that printed it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from ringfence_server.cli import serving

PROGRAM = "ringfence"


class Shell(StrEnum):
    """A shell that we can write a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@dataclass(frozen=True)
class Choice:
    """What can stand behind some words of a command line."""

    path: tuple[str, ...]
    """The words, without the program's own."""
    word: str
    says: str


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> int:
    """Print a script that completes commands in your shell.

    Where it belongs: bash: into ~/.local/share/bash-completion/completions/ringfence; zsh: as
    _ringfence into a folder of $fpath; fish: into ~/.config/fish/completions/ringfence.fish.
    """
    from ringfence_server.cli.program import build

    choices = list(every_choice(typer.main.get_command(build()), ()))
    made = {Shell.BASH: _bash, Shell.ZSH: _zsh, Shell.FISH: _fish}[shell](choices)
    sys.stdout.write(made)
    return 0


def every_choice(command: Any, path: tuple[str, ...]) -> Iterator[Choice]:
    """Commands, options, and arguments with fixed values, below this command."""
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield Choice(path, name, inner.get_short_help_str(60))
        yield from every_choice(inner, (*path, name))
    if path == ("serve",):  # it has a parser of its own, so that it starts faster
        yield from (Choice(path, word, says) for word, says in serving.option_names())
        return
    for parameter in command.params:
        is_option = parameter.param_type_name == "option"
        for word in parameter.opts if is_option else _fixed(parameter):
            yield Choice(path, word, getattr(parameter, "help", None) or "")
    if "--help" not in {word for parameter in command.params for word in parameter.opts}:
        yield Choice(path, "--help", "Show the help.")


def _fixed(parameter: Any) -> Sequence[str]:
    """The values of an argument that takes one of a few."""
    described = getattr(parameter, "type_descriptor", None)
    kind = getattr(described, "annotation", None)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return [each.value for each in kind]
    return []


def _by_path(choices: Sequence[Choice]) -> dict[str, list[Choice]]:
    grouped: dict[str, list[Choice]] = {}
    for choice in choices:
        grouped.setdefault(" ".join(choice.path), []).append(choice)
    return grouped


def _cases(choices: Sequence[Choice]) -> str:
    """What follows which words, as the body of a `case` of bash and zsh."""
    return "\n".join(
        f"    '{path}') words_here='{_words(found)}' options='{_words(found, options=True)}' ;;"
        for path, found in _by_path(choices).items()
    )


def _words(found: Sequence[Choice], *, options: bool = False) -> str:
    return " ".join(each.word for each in found if each.word.startswith("-") is options)


def _groups(choices: Sequence[Choice]) -> str:
    paths = {" ".join(choice.path) for choice in choices}
    return "|".join(f"'{path}'" for path in sorted(paths) if path)


_COMMON = """\
  local words_here='' options='' at='' each
  for each in "${{before[@]}}"; do
    case "${{at:+$at }}$each" in
      {groups}) at="${{at:+$at }}$each" ;;
    esac
  done
  case "$at" in
{cases}
  esac
  case "$typed" in
    -*) words_here="$options" ;;
  esac
"""


def _common(choices: Sequence[Choice]) -> str:
    return _COMMON.format(groups=_groups(choices), cases=_cases(choices))


def _bash(choices: Sequence[Choice]) -> str:
    return f"""\
# ringfence completion for bash
_{PROGRAM}() {{
  local before=("${{COMP_WORDS[@]:1:COMP_CWORD-1}}") typed="${{COMP_WORDS[COMP_CWORD]}}"
{_common(choices)}\
  COMPREPLY=($(compgen -W "$words_here" -- "$typed"))
}}
complete -o default -F _{PROGRAM} {PROGRAM}
"""


def _zsh(choices: Sequence[Choice]) -> str:
    return f"""\
#compdef {PROGRAM}
_{PROGRAM}() {{
  local -a before=("${{(@)words[2,CURRENT-1]}}")
  local typed="${{words[CURRENT]}}"
{_common(choices)}\
  compadd -- ${{=words_here}} || _files
}}
if [ "$funcstack[1]" = "_{PROGRAM}" ]; then
  _{PROGRAM} "$@"
else
  compdef _{PROGRAM} {PROGRAM}
fi
"""


def _fish(choices: Sequence[Choice]) -> str:
    """Fish asks a function which words are commands so far, and shows what each choice says."""
    groups = " ".join(sorted({f"'{' '.join(c.path)}'" for c in choices if c.path}))
    lines = [
        "# ringfence completion for fish",
        f"function __{PROGRAM}_path",
        "  set -l path",
        "  for each in (commandline -opc)[2..-1]",
        f"    if contains -- (string join ' ' $path $each) {groups}",
        "      set -a path $each",
        "    end",
        "  end",
        "  string join ' ' -- $path",
        "end",
        f"function __{PROGRAM}_at",
        f"  set -l at (__{PROGRAM}_path)",
        '  test "$at" = "$argv"',
        "end",
    ]
    closed = sorted({" ".join(c.path) for c in choices if not c.word.startswith("-")})
    lines += [f"complete -c {PROGRAM} -n '__{PROGRAM}_at {path}' -f" for path in closed]  # no files
    for choice in choices:
        at = f"-n '__{PROGRAM}_at {' '.join(choice.path)}'"
        says = choice.says.replace("\\", "\\\\").replace("'", "\\'")
        what = f"-l {choice.word[2:]}" if choice.word.startswith("--") else f"-a {choice.word}"
        lines.append(f"complete -c {PROGRAM} {at} {what} -d '{says}'")
    return "\n".join(lines) + "\n"
