"""Shell completion, in the shells themselves."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.shell import END_SECONDS, Shell

SHELLS = ("bash", "zsh", "fish")
CASES = {
    "ringfence pol": {"policy"},
    "ringfence policy ": {"apply", "plan", "show", "test"},
    "ringfence sandbox fault timeout_": {"timeout_after_charge", "timeout_before_charge"},
    "ringfence assistant add desk --voice": {"--voice-url"},
    "ringfence install --s": {"--scope"},
    "ringfence install cu": {"cursor"},
    "ringfence serve --read": {"--read-only"},
    "ringfence --ver": {"--version"},
    "ringfence policy apply po": {"policy.yaml"},
}
# zsh fills these for its completion system; here they are filled by hand.
_ZSH = """
compdef() {{ : }}
compadd() {{
  shift; local found=1
  for each in "$@"; do [[ $each == "$prefix"* ]] && print -r -- $each && found=0; done
  return $found
}}
_files() {{ print -rl -- "$prefix"*(N) }}
source {script}
words=({words} "$prefix"); CURRENT=${{#words}}
_ringfence
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the scripts, one for each shell."""
    return tmp_path_factory.mktemp("scripts")


def offered(shell: str, script: Path, line: str) -> set[str]:
    """What a shell offers for the last word of a line."""
    before, _, typed = line.rpartition(" ")
    words = " ".join(map(shlex.quote, before.split()))
    programs = {
        "bash": f"source {script}; COMP_WORDS=({words} '{typed}'); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); "
        '_ringfence; [ ${#COMPREPLY[@]} = 0 ] && COMPREPLY=($(compgen -f -- "${COMP_WORDS[-1]}"));'
        ' printf "%s\\n" "${COMPREPLY[@]}"',
        "zsh": f"prefix={shlex.quote(typed)}{_ZSH.format(script=script, words=words)}",
        "fish": f"source {script}; complete -C {shlex.quote(line)}",
    }
    options = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}
    ended = subprocess.run(
        [shell, *options[shell], "-c", programs[shell]],
        capture_output=True,
        check=True,
        text=True,
        timeout=END_SECONDS,
        env={**os.environ, "HOME": str(script.parent)},
        cwd=script.parent,
    )
    assert ended.stderr == ""
    return {each.partition("\t")[0] for each in ended.stdout.splitlines() if each}


@pytest.mark.parametrize("line", CASES)
@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_offers_what_can_stand_there(
    shell: Shell, scripts: Path, name: str, line: str
) -> None:
    if shutil.which(name) is None and "CI" not in os.environ:
        pytest.skip(f"{name} is not installed")
    script = scripts / name
    if not script.exists():
        script.write_text(shell.run("completion", name).out)
    (scripts / "policy.yaml").touch()
    assert offered(name, script, line) == CASES[line]


def test_completing_starts_no_program(shell: Shell) -> None:
    """Starting ours takes a second, and nobody waits that long for a Tab."""
    for name in SHELLS:
        script = shell.run("completion", name).out
        assert "_RINGFENCE_COMPLETE" not in script
        assert "$(ringfence" not in script
        assert "(ringfence " not in script


def test_another_shell_ends_with_2(shell: Shell) -> None:
    refused = shell.run("completion", "tcsh", "--json")
    assert (refused.code, refused.error["code"]) == (2, "invalid_arguments")
