# Debian packages, shared by deploy/quickstart.sh, tests/run.sh and tests/bench/run.sh (sourced, not run).
# shellcheck shell=bash disable=SC2034

# What the build needs.
build_packages="ca-certificates g++ cmake ninja-build pkg-config libboost1.81-dev libboost-json1.81-dev
    libboost-url1.81-dev libc-ares-dev libldns-dev libssl-dev libyaml-cpp-dev libspdlog-dev libcli11-dev prometheus-cpp-dev"
# What the tests need, and what they use where it is: other makers' servers, and tools for networks.
test_packages="libgtest-dev libgmock-dev python3 bind9-dnsutils"
server_packages="bind9 bind9-utils dnsdist dnsmasq-base etcd-server knot knot-dnssecutils knot-dnsutils knot-resolver nsd prometheus unbound ccache iproute2 nftables"

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
    # DNS servers that come as test tools must not start by themselves, neither now nor at the next boot.
    if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy" && made=1; fi
    local ok=0 before
    before=$(enabled_units)
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } \
        > /tmp/peerzone-apt.$$.log 2>&1 || ok=$?
    [ -z "$made" ] || rm -f "$policy"
    disable_units "$before"
    if [ $ok != 0 ]; then tail -n 20 /tmp/peerzone-apt.$$.log >&2; echo "apt-get failed" >&2; fi
    rm -f /tmp/peerzone-apt.$$.log
    return $ok
}

# What the next boot starts: units of systemd, and scripts of other init systems (S01name).
enabled_units() {
    { find /etc/systemd/system -path '*.wants/*' -type l; find /etc/rc[2345].d -name 'S*'; } 2>/dev/null | sort || true
}

# disable_units BEFORE undoes what has been enabled since then, as an administrator would (updates respect that).
disable_units() {
    local link names=
    while read -r link; do
        case $link in
            */rc?.d/S*) update-rc.d "${link##*/S[0-9][0-9]}" disable > /dev/null 2>&1 || true ;;
            *) rm -f "$link" ;;
        esac
        names+=" ${link##*/}"
    done < <(comm -13 <(echo "$1") <(enabled_units))
    [ -z "$names" ] || echo "Installed, but neither started nor enabled: $(tr ' ' '\n' <<< "$names" | grep -F . | sort -u | paste -sd' ')"
}
