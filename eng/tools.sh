# shellcheck shell=bash
# Sourced by test.sh. Programs that only tests use.

: "${root:?}"

fetch_test_tools() { fetch_prometheus; fetch_postgres; fetch_pytorch; }

# Prometheus and promtool are unpacked from Debian's package, not installed: installing would start a server on this machine. Tests
# that need what cannot be had skip and say so.
fetch_prometheus() {
    local tools=$root/artifacts/tools
    PATH=$PATH:$tools/usr/bin
    export PATH
    command -v promtool >/dev/null && command -v prometheus >/dev/null && return 0
    if [[ ${VAE_NO_INSTALL-} == 1 ]] || ! command -v apt-get >/dev/null; then return 0; fi

    say "Fetching prometheus for the tests ..."
    mkdir -p "$tools"
    (
        cd "$tools"
        apt-get download prometheus || { as_root apt-get update && apt-get download prometheus; }
        dpkg-deb -x prometheus_*.deb . && rm -f prometheus_*.deb
    ) >"$root/artifacts/tools.log" 2>&1 </dev/null || say "  not to be had (artifacts/tools.log); tests that need it skip."
}

# PyTorch of the same version as Debian's libtorch: what exported models are held against. It is installed, because Python finds no unpacked package by itself; with no root at hand, or
# where an installation is forbidden, those tests skip and say so.
fetch_pytorch() {
    local python
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import torch' >/dev/null 2>&1 && return 0
    done
    if [[ ${VAE_NO_INSTALL-} == 1 ]] || ! command -v apt-get >/dev/null; then return 0; fi
    if [[ $EUID -ne 0 ]] && ! sudo -n true 2>/dev/null; then return 0; fi
    say "Installing python3-torch for the tests ..."
    apt_install python3-torch || say "  not to be had (artifacts/install.log); tests that need it skip."
}

# A PostgreSQL server, in the same way: tests run clusters of their own and never touch one of the system.
fetch_postgres() {
    local tools=$root/artifacts/tools bin
    has_postgres() { command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
    has_postgres && return 0
    if [[ ! -d $tools/usr/lib/postgresql ]]; then
        if [[ ${VAE_NO_INSTALL-} == 1 ]] || ! command -v apt-get >/dev/null; then return 0; fi
        say "Fetching postgresql for the tests ..."
        mkdir -p "$tools"
        (
            cd "$tools"
            version=$(apt-cache depends postgresql 2>/dev/null | sed -nE 's/.*Depends: (postgresql-[0-9]+)$/\1/p' | head -n 1)
            [[ -n $version ]] || { as_root apt-get update && version=$(apt-cache depends postgresql | sed -nE 's/.*Depends: (postgresql-[0-9]+)$/\1/p' | head -n 1); }
            apt-get download "$version" "${version/postgresql/postgresql-client}" libpq5
            for package in postgresql*.deb libpq5*.deb; do dpkg-deb -x "$package" . && rm -f "$package"; done
        ) >>"$root/artifacts/tools.log" 2>&1 </dev/null || { say "  not to be had (artifacts/tools.log); tests that need it skip."; return 0; }
    fi
    for bin in "$tools"/usr/lib/postgresql/*/bin; do PATH=$PATH:$bin; done
    LD_LIBRARY_PATH=$(printf '%s:' "$tools"/usr/lib/*-linux-gnu)${LD_LIBRARY_PATH-}
    export PATH LD_LIBRARY_PATH
    # Not all that it needs may be on this machine; a server that cannot start is none.
    if ! { initdb --version && postgres --version; } >/dev/null 2>&1; then
        PATH=$(tr ':' '\n' <<<"$PATH" | grep -v '/lib/postgresql/' | paste -sd:)
        say "  the unpacked PostgreSQL does not run here; tests that need it skip."
    fi
}
