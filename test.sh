#!/usr/bin/env bash
# Builds everything once in Release and runs every test. The last line is `N passed, N failed, N skipped`.
#   ./test.sh [PROJECT ...] [--filter EXPRESSION] [--no-build]
#   ./test.sh Unit Properties --filter FullyQualifiedName~Wire
# Exit status: 0 all that ran passed, 1 a test failed or none ran or the build failed, 2 usage.
set -euo pipefail
unset CDPATH

root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
program=$root/src/Cli/bin/Release/net10.0/vae
results=$root/artifacts/test-results
# shellcheck source=eng/sources.sh
source "$root/eng/sources.sh"
# shellcheck source=eng/bootstrap.sh
source "$root/eng/bootstrap.sh"
# shellcheck source=eng/build.sh
source "$root/eng/build.sh"
# shellcheck source=eng/tools.sh
source "$root/eng/tools.sh"

usage() { say "usage: ./test.sh [PROJECT ...] [--filter EXPRESSION] [--no-build]"; say "projects: $(cd "$root/tests" && echo */ | tr -d /)"; exit 2; }

build=1 filter=() projects=()
while (($#)); do
    case $1 in
        --filter) [[ $# -ge 2 ]] || usage; filter=(--filter "$2"); shift ;;
        --no-build) build=0 ;;
        -*) usage ;;
        *) [[ -d $root/tests/$1 ]] || usage; projects+=("$1") ;;
    esac
    shift
done
((${#projects[@]})) || mapfile -t projects < <(cd "$root/tests" && for file in */*.csproj; do dirname "$file"; done)

# The program is compiled ahead of time as `./vae` does it: this build puts the plain assemblies back, and the stamp would keep `./vae` from seeing it.
build_everything() { bootstrap; say "Building ..."; build_and_stamp Vae.Distributed.sln; precompile; }
((build)) && locked build_everything
fetch_test_tools

# One line per outcome: failures with their message come from the runner itself; of the skipped it does not tell why, so we do.
tell_skipped() {
    awk 'BEGIN { RS = "<UnitTestResult " }
        NR > 1 && /outcome="NotExecuted"/ {
            name = $0; sub(/.*testName="/, "", name); sub(/".*/, "", name)
            reason = $0
            if (!sub(/.*<Message>/, "", reason)) sub(/.*<StdOut>/, "", reason)
            sub(/<\/.*/, "", reason); gsub(/[[:space:]]+/, " ", reason)
            gsub(/&quot;/, "\"", name); gsub(/&lt;/, "<", reason); gsub(/&gt;/, ">", reason); gsub(/&amp;/, "\\&", reason)
            print "  skipped: " name ": " reason
        }' "$1"
}

passed=0 failed=0 skipped=0
rm -rf "$results"
mkdir -p "$results"
for project in "${projects[@]}"; do
    echo "== $project"
    status=0
    # A test that hangs is named and ended, instead of eating the time of all the others.
    dotnet test "$root/tests/$project/bin/Release/net10.0/Vae.Tests.$project.dll" "${filter[@]}" --nologo --results-directory "$results" \
        --logger "console;verbosity=minimal" --logger "trx;LogFileName=$project.trx" \
        --blame-hang-timeout 10m --blame-hang-dump-type none </dev/null 2>&1 |
        sed -uE '/^(Starting test execution|A total of|Data collector .Blame. message: All tests|Results File|Additionally, path|No test is available|[[:space:]]*$)/d' || status=$?

    trx=$results/$project.trx total=0 executed=0 good=0 bad=0
    if [[ -e $trx ]]; then
        read -r total executed good bad < <(sed -nE 's/.*<Counters total="([0-9]+)" executed="([0-9]+)" passed="([0-9]+)" failed="([0-9]+)".*/\1 \2 \3 \4/p' "$trx")
        tell_skipped "$trx"
    fi
    if ((status != 0 && bad == 0)); then
        echo "  $project ended with status $status and no failed test to blame: its test host died."
        bad=1
    fi
    ((passed += good, failed += bad, skipped += total - executed)) || true
done

((passed + failed)) || echo "No test ran."
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
