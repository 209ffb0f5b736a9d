# shellcheck shell=bash
# Sourced by test.sh. Programs that only tests use.

: "${root:?}"

# Prometheus and promtool are unpacked from Debian's package, not installed: installing would start a server on this machine. Tests
# that need what cannot be had skip and say so.
fetch_test_tools() {
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
