"""`bmcha completion bash|zsh|fish`: the script that makes a shell ask bmcha what TAB may mean.

The scripts know no command; they hand the words to `bmcha __complete` (see `candidates`) and leave
files to the shell. So they need not be made anew when a command is added.
"""

from __future__ import annotations

import argparse

from bmcha.cli.commands import Commands
from bmcha.cli.exit_codes import EXIT_DONE

BASH = r"""# bash completion for bmcha, printed by `bmcha completion bash`.
_bmcha() {
    local line current=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]/#\~/$HOME}
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :files)
                compopt -o filenames
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$current")
                ;;
            :folders)
                compopt -o filenames
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "$current")
                ;;
            *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done < <("$program" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _bmcha bmcha
"""

ZSH = r"""#compdef bmcha
# zsh completion for bmcha, printed by `bmcha completion zsh`.
_bmcha() {
    local line word meaning
    local -a found
    for line in "${(@f)$(${(e)~words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
            '') ;;
            :files) _files ;;
            :folders) _files -/ ;;
            *)
                word=${line%%$'\t'*}
                meaning=${line#*$'\t'}
                [[ $line == *$'\t'* ]] || meaning=
                found+=("${word//:/\\:}${meaning:+:$meaning}")
                ;;
        esac
    done
    (( ${#found} )) && _describe -t words bmcha found
}
if [[ ${funcstack[1]} == _bmcha ]]; then
    _bmcha "$@"
else
    compdef _bmcha bmcha
fi
"""

FISH = r"""# fish completion for bmcha, printed by `bmcha completion fish`.
function __bmcha_candidates
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete $words[2..] $current 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path $current
            case :folders
                __fish_complete_directories $current
            case '*'
                echo $line
        end
    end
end
complete -c bmcha -f -a '(__bmcha_candidates)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def add(commands: Commands) -> None:
    parser = commands.add(
        "completion",
        "the script that lets a shell complete bmcha's words",
        _print_script,
        examples={
            "source <(bmcha completion bash)": "for this shell; put it into ~/.bashrc to keep it",
            'bmcha completion zsh > "${fpath[1]}/_bmcha"': "for zsh, from its next start on",
            "bmcha completion fish > ~/.config/fish/completions/bmcha.fish": "for fish",
        },
    )
    parser.add_argument("shell", choices=list(SCRIPTS), help="which shell it is for")


def _print_script(args: argparse.Namespace) -> int:
    print(SCRIPTS[args.shell], end="")
    return EXIT_DONE
