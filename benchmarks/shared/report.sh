# shellcheck shell=bash
# Sourced first by every script of this folder: options, where a report comes from, and where it goes. Scripts run in the root of the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

save=no arguments=()
# The command line, for the report: without the folders of this machine.
command="benchmarks/${0##*/}"
for argument in "$@"; do command+=" ${argument##*/}"; done
[[ $command == *postgres* ]] && command=$(sed -E 's#--store [^ ]*#--store postgres://...#' <<<"$command")

# read_options "NAMES" "PASSED" "FLAGS" ARGUMENTS...: --name VALUE sets the variable of that name; passed ones and flags go on as they are, in `arguments`; --save is everybody's.
read_options() {
  local names=" $1 " passed=" $2 " flags=" $3 " option
  shift 3
  while [ $# -gt 0 ]; do
    option=${1#--}
    if [ "$1" = --save ]; then
      save=yes
      shift
    elif [[ $1 == --* && $flags == *" $option "* ]]; then
      arguments+=("$1")
      shift
    elif [[ $1 == --* && $# -ge 2 && $names == *" $option "* ]]; then
      printf -v "$option" %s "$2"
      shift 2
    elif [[ $1 == --* && $# -ge 2 && $passed == *" $option "* ]]; then
      arguments+=("$1" "$2")
      shift 2
    else
      echo "unknown option $1, or one without its value; see the head of $0" >&2
      exit 2
    fi
  done
}

given() { [[ " ${arguments[*]} " == *" $1 "* ]]; }

# Debian's python3 with torch, or the one that PYTHON names.
need_torch() {
  python=${PYTHON:-/usr/bin/python3}
  "$python" -c 'import torch' 2>/dev/null || { echo "$python has no torch: apt-get install --no-install-recommends python3-torch python3-numpy" >&2; exit 1; }
}

load_before=$(cut -d' ' -f1-3 /proc/loadavg)

build_benchmark() {
  dotnet build -c Release "benchmarks/$1" -v q --nologo >&2
  load_before=$(cut -d' ' -f1-3 /proc/loadavg)
}

# head_of TITLE [LINE...]: where the figures come from; each LINE is one more thing that a reader must know.
head_of() {
  local line
  echo "# $1"
  echo
  echo "- date $(date -u +%F), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)$([ -z "$(git status --porcelain -- . ':!benchmarks/results' 2>/dev/null)" ] || echo ' with changes')"
  echo "- processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, Linux $(uname -r), OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-unset}, load average before $load_before"
  for line in "${@:2}"; do echo "- $line"; done
  echo "- command: \`$command\`"
  echo
}

versions() { echo "$(dotnet --version 2>/dev/null | sed 's/^/.NET SDK /;s/$/, /')PyTorch $("$python" -c 'import torch; print(torch.__version__)')"; }

# publish NAME: prints what the function `report` says; with --save also into benchmarks/results.
publish() {
  if [ "$save" = yes ]; then
    mkdir -p benchmarks/results
    report | tee "benchmarks/results/$1-$(date -u +%F).md"
  else
    report
  fi
}
