# Debian packages, shared by deploy/quickstart.sh and tests/run.sh (sourced, not run).

# What the build needs.
build_packages="ca-certificates g++ cmake ninja-build pkg-config libboost1.81-dev libboost-json1.81-dev
    libboost-url1.81-dev libc-ares-dev libldns-dev libssl-dev libyaml-cpp-dev libspdlog-dev libcli11-dev prometheus-cpp-dev"

# need_packages PACKAGE... installs what is missing, or says what to install when we may not.
need_packages() {
    local missing=() package policy=/usr/sbin/policy-rc.d made=
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" != 0 ]; then
        echo "Missing Debian packages. As root: apt-get install --no-install-recommends ${missing[*]}" >&2
        return 1
    fi
    echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
    # DNS servers that come as test tools must not start by themselves.
    if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy" && made=1; fi
    local ok=0
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } \
        > /tmp/peerzone-apt.$$.log 2>&1 || ok=$?
    [ -z "$made" ] || rm -f "$policy"
    if [ $ok != 0 ]; then tail -n 20 /tmp/peerzone-apt.$$.log >&2; echo "apt-get failed" >&2; fi
    rm -f /tmp/peerzone-apt.$$.log
    return $ok
}
