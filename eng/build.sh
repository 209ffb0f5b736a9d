# shellcheck shell=bash
# Sourced after eng/bootstrap.sh. One build at a time per checkout; the stamp is written only after a build that succeeded.

: "${root:?}" "${program:?}"

# shellcheck source=eng/precompile.sh
source "$root/eng/precompile.sh"

# Runs the named function while holding the checkout's build lock. Build servers that outlive the build must not inherit the lock,
# so everything below runs with descriptor 9 closed.
locked() {
    mkdir -p "$root/artifacts" 2>/dev/null || true
    if [[ ! -w $root/artifacts ]]; then
        fail "this checkout must be built, but $(cd "$root" && pwd) cannot be written to." \
            "Run it once as a user who may, or copy the folder to a place of your own."
    fi
    exec 9>"$root/artifacts/build.lock"
    if ! flock -n 9; then
        say "Waiting for another build of this checkout ..."
        flock 9
    fi
    "$@" 9>&-
    exec 9>&-
}

# Builds one project or the solution in Release, quietly; the whole talk is in artifacts/build.log.
dotnet_build() {
    local log=$root/artifacts/build.log
    # No servers are left behind: they would hold the caller's terminal session, cgroup or container open for minutes.
    if ! (cd "$root" && exec dotnet build "$1" -c Release --nologo -v minimal -nodeReuse:false -p:UseSharedCompilation=false) >"$log" 2>&1 </dev/null; then
        { grep -E '(error|warning) [A-Z]*[0-9]*:|CMake Error' "$log" | sort -u | head -n 15; say ...; tail -n 5 "$log"; } >&2
        fail "the build failed." "All of it: $log"
    fi
}

# A build that dies half-way must not look like the one before it, so the stamp goes first. The list is taken before the build: a file
# saved meanwhile differs from it and is built at the next start.
build_and_stamp() {
    local stamp=$root/artifacts/build.stamp list
    rm -f "$stamp"
    list=$(sources)
    dotnet_build "$1"
    printf '%s\n' "$list" >"$stamp"
}

build_product_once() {
    up_to_date && return 0 # Another start built it while we waited.
    bootstrap
    if [[ -x $program ]]; then say "Sources changed: building ..."; else say "Building for the first time (one to two minutes) ..."; fi
    build_and_stamp src/Cli/Cli.csproj
    precompile
}

build_product() { locked build_product_once; }
