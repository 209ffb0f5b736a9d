# shellcheck shell=bash
# Sourced by `vae` and `test.sh`. Finds out what the build needs and installs it where Debian's package manager can.
# All talk goes to standard error: standard output belongs to the program that runs afterwards.

: "${root:?the folder of the checkout, set by the script that sources this}"

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $1"
    shift
    local line
    for line in "$@"; do say "  $line"; done
    exit 1
}

has_libtorch() {
    if [[ -n ${LIBTORCH-} ]]; then
        [[ -e $LIBTORCH/include/ATen/ATen.h ]] && return 0
        fail "LIBTORCH=$LIBTORCH holds no include/ATen/ATen.h." "Point it at the folder of an unpacked libtorch, or unset it to use Debian's."
    fi
    [[ -e /usr/include/ATen/ATen.h || -e /usr/local/include/ATen/ATen.h ]]
}

# Debian's default BLAS is 15 times slower than OpenBLAS. A libtorch of the user's own brings its own.
has_openblas() {
    [[ -n ${LIBTORCH-} ]] && return 0
    local library
    for library in /usr/lib/*/openblas-pthread/libopenblas.so.0 /usr/lib/*/libopenblas.so.0; do
        [[ -e $library ]] && return 0
    done
    return 1
}

# Headers of Debian's Gloo: with them the build knows the all-reduce engine `gloo`. A libtorch of the user's own must bring its own.
has_gloo() { [[ -n ${LIBTORCH-} || -e /usr/include/gloo/context.h ]]; }

# The program itself says which SDK it wants (global.json), so it is asked instead of a version list read here.
has_dotnet() { command -v dotnet >/dev/null && (cd "$root" && dotnet --version >/dev/null 2>&1); }

# Runs a command as root; fails without a question where nobody could answer it.
as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        return 1
    elif [[ -t 2 ]]; then
        sudo -- "$@"
    else
        sudo -n -- "$@"
    fi
}

apt_install() {
    local log=$root/artifacts/install.log
    local -a install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@")
    mkdir -p "$root/artifacts"
    # A fresh machine has no package lists yet, and one with old lists asks for files that are gone: then, and only then, update.
    as_root "${install[@]}" >"$log" 2>&1 </dev/null && return 0
    as_root apt-get update >>"$log" 2>&1 </dev/null || true
    as_root "${install[@]}" >>"$log" 2>&1 </dev/null
}

# Ensures that the tools named in DESIGN.md are there: a C++ compiler, CMake, make, libtorch, OpenBLAS and the .NET SDK.
bootstrap() {
    local -a packages=()
    command -v g++ >/dev/null || command -v c++ >/dev/null || packages+=(g++)
    command -v cmake >/dev/null || packages+=(cmake)
    command -v make >/dev/null || packages+=(make)
    has_libtorch || packages+=(libtorch-dev)
    has_openblas || packages+=(libopenblas0-pthread)

    if ((${#packages[@]})); then
        local by_hand="apt-get install --no-install-recommends ${packages[*]}"
        [[ $EUID -eq 0 ]] || by_hand="sudo $by_hand"
        if ! command -v apt-get >/dev/null; then
            fail "missing for the build: ${packages[*]}" \
                "This is not a Debian or Ubuntu system, so nothing was installed. Install what these Debian packages hold with your own" \
                "package manager: a C++ compiler, CMake, make, libtorch with its headers (or set LIBTORCH to an unpacked libtorch), OpenBLAS."
        fi
        [[ ${VAE_NO_INSTALL-} == 1 ]] && fail "missing for the build: ${packages[*]}" "VAE_NO_INSTALL=1 forbids installing. By hand:" "$by_hand"
        say "Installing ${packages[*]} ..."
        if ! apt_install "${packages[@]}"; then
            tail -n 5 "$root/artifacts/install.log" >&2
            fail "could not install: ${packages[*]}" \
                "Not root and no sudo that works without a password, or the package server is out of reach (all of it: artifacts/install.log)." \
                "By hand:" "$by_hand"
        fi
    fi
    has_gloo || install_gloo
    has_dotnet || install_dotnet
}

# Wanted, not needed: nobody is asked for a password for it, and a build without it says what it lacks when it is asked for the engine.
install_gloo() {
    if [[ ${VAE_NO_INSTALL-} == 1 ]] || ! command -v apt-get >/dev/null; then return 0; fi
    if [[ $EUID -ne 0 ]] && ! sudo -n true 2>/dev/null; then return 0; fi
    say "Installing libgloo-dev ..."
    apt_install libgloo-dev || say "  not to be had (artifacts/install.log); the all-reduce engine gloo is left out."
}

# Ubuntu, and Debian with Microsoft's package source, have a package; plain Debian has none, and we run no downloaded scripts.
install_dotnet() {
    if [[ ${VAE_NO_INSTALL-} != 1 ]] && command -v apt-cache >/dev/null && [[ -n $(apt-cache show dotnet-sdk-10.0 2>/dev/null) ]]; then
        say "Installing dotnet-sdk-10.0 ..."
        apt_install dotnet-sdk-10.0 && hash -r && has_dotnet && return 0
    fi
    local found="none found on the path"
    command -v dotnet >/dev/null && found="found: $(cd / && dotnet --list-sdks 2>/dev/null | cut -d' ' -f1 | paste -sd' ')"
    fail "the .NET SDK 10 is needed ($found)." \
        "Ubuntu:  sudo apt-get install dotnet-sdk-10.0" \
        "Debian:  add Microsoft's package source, then the same: https://learn.microsoft.com/dotnet/core/install/linux-debian" \
        "Others:  https://dotnet.microsoft.com/download/dotnet/10.0"
}
