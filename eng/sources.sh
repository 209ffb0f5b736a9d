# shellcheck shell=bash
# Sourced by `vae` and `test.sh`: is the program that was built last still the one that the sources describe?

: "${root:?the folder of the checkout, set by the script that sources this}" "${program:?}"

# Names, times and sizes of everything that goes into the build. Compared as a whole, so that a file that is gone, or replaced by
# an older one, is noticed too.
sources() {
    (cd "$root" && find src Directory.Build.props Directory.Packages.props global.json .editorconfig eng/BannedSymbols.txt \
        -type d \( -name bin -o -name obj \) -prune -o -type f -printf '%p %T@ %s\n' 2>/dev/null)
    printf 'LIBTORCH=%s\n' "${LIBTORCH-}"
    printf 'gloo=%s\n' "$([[ -e /usr/include/gloo/context.h ]] && echo there)" # What is built depends on it.
}

up_to_date() {
    local stamp=$root/artifacts/build.stamp
    [[ -x $program && -r $stamp && $(sources) == "$(<"$stamp")" ]]
}
