# shellcheck shell=bash
# Sourced by eng/build.sh. Compiles the program's assemblies ahead of time: a good part of the time from a command to the first training step was the runtime's
# compiler at work. Nothing depends on it: where the compiler cannot be had, the program starts later and is otherwise the same.

: "${root:?}" "${program:?}"

# The compiler is a package of the SDK's own version. It is asked for once; the answer (its path, the folder of the frameworks, the version) is kept.
find_compiler() {
    local answer=$root/artifacts/precompile/compiler
    if [[ ! -r $answer ]]; then
        mkdir -p "$root/artifacts/precompile"
        (cd "$root" && exec dotnet build eng/precompile.proj -t:Describe --nologo -v minimal -nodeReuse:false) >"$root/artifacts/precompile/log" 2>&1 </dev/null || return 1
    fi
    mapfile -t compiler <"$answer"
    [[ -x ${compiler[0]} && -d ${compiler[1]}/Microsoft.NETCore.App/${compiler[2]} ]]
}

# Puts the compiled form of one assembly in its place. What was compiled once is kept under the digest of what it was made from; what is itself a result is left alone.
precompile_one() {
    local file=$1 store=$2 made result
    made=$store/$(sha256sum <"$file" | cut -d' ' -f1)
    [[ ! -e $made.result ]] || return 0
    if [[ ! -e $made.dll ]]; then
        "${compiler[0]}" "$file" -o "$made.new" -O --targetos linux -r "${file%/*}/*.dll" \
            -r "${compiler[1]}/Microsoft.NETCore.App/${compiler[2]}/*.dll" -r "${compiler[1]}/Microsoft.AspNetCore.App/${compiler[2]}/*.dll" >"$made.log" 2>&1 || return 0
        result=$(sha256sum <"$made.new" | cut -d' ' -f1)
        : >"$store/$result.result"
        mv "$made.new" "$made.dll"
    fi
    cp "$made.dll" "$file.new"
    mv "$file.new" "$file" # A program that runs keeps the old one.
}

precompile() {
    [[ ${VAE_NO_PRECOMPILE-} == 1 ]] && return 0
    if ! find_compiler; then
        say "Not compiled ahead of time, commands start later (artifacts/precompile/log says why)."
        return 0
    fi
    local store=$root/artifacts/precompile/store file cores running=0
    cores=$(nproc)
    mkdir -p "$store"
    find "$store" -type f -mtime +7 -delete
    for file in "${program%/*}"/*.dll; do
        precompile_one "$file" "$store" &
        ((++running % cores)) || wait
    done
    wait
}
