# SPDX-License-Identifier: Apache-2.0
# What the end-to-end tests share: a cluster of their own, and ways to say what must be seen.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
MC=${MC:-$ROOT/build/mini-cluster}
KUBECTL=${KUBECTL:-kubectl}
NAME=e2e-$$
DIR=$(mktemp -d "${TMPDIR:-/tmp}/podlab-e2e-XXXXXX")
export XDG_STATE_HOME=$DIR/state HOME=$DIR/home KUBECONFIG=$DIR/state/podlab/clusters/$NAME/kubeconfig
mkdir -p "$HOME"
PASSED=0
FAILED=0
OUT=

cleanup() {
    [ -d "$DIR/state/podlab/clusters/$NAME" ] && "$MC" down --name "$NAME" >/dev/null 2>&1
    rm -rf "$DIR"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# up [OPTION...]: starts this test's cluster.
up() {
    "$MC" up --name "$NAME" --detach "$@" >"$DIR/up.log" 2>&1 && return 0
    cat "$DIR/up.log" >&2
    tail -20 "$DIR/state/podlab/clusters/$NAME/log" >&2 2>/dev/null
    return 1
}

k() {
    "$KUBECTL" "$@"
}

pass() {
    PASSED=$((PASSED + 1))
    echo "ok     $1"
}

flunk() { # NAME WHY
    FAILED=$((FAILED + 1))
    echo "not ok $1: $2"
    printf '%s\n' "$OUT" | tail -${3:-15} | sed 's/^/       | /'
}

# run NAME COMMAND...: it ends well.
run() {
    local name=$1 rc
    shift
    OUT=$("$@" 2>&1)
    rc=$?
    if [ $rc -eq 0 ]; then pass "$name"; else flunk "$name" "exit $rc"; fi
}

# says NAME REGEX COMMAND...: it ends well, and its output has a line that matches.
says() {
    local name=$1 regex=$2 rc
    shift 2
    OUT=$("$@" 2>&1)
    rc=$?
    if [ $rc -ne 0 ]; then
        flunk "$name" "exit $rc"
    elif grep -Eq -- "$regex" <<<"$OUT"; then
        pass "$name"
    else
        flunk "$name" "no line matches /$regex/"
    fi
}

# lacks NAME REGEX COMMAND...: it ends well, and no line of its output matches.
lacks() {
    local name=$1 regex=$2 rc
    shift 2
    OUT=$("$@" 2>&1)
    rc=$?
    if [ $rc -ne 0 ]; then
        flunk "$name" "exit $rc"
    elif grep -Eq -- "$regex" <<<"$OUT"; then
        flunk "$name" "a line matches /$regex/"
    else
        pass "$name"
    fi
}

# fails NAME REGEX COMMAND...: it ends badly, and says so.
fails() {
    local name=$1 regex=$2 rc
    shift 2
    OUT=$("$@" 2>&1)
    rc=$?
    if [ $rc -eq 0 ]; then
        flunk "$name" "it ended well"
    elif grep -Eq -- "$regex" <<<"$OUT"; then
        pass "$name"
    else
        flunk "$name" "no line matches /$regex/"
    fi
}

# wait_for SECONDS REGEX COMMAND...: true once its output has a line that matches.
wait_for() {
    local end=$((SECONDS + $1)) regex=$2
    shift 2
    while :; do
        OUT=$("$@" 2>&1)
        grep -Eq -- "$regex" <<<"$OUT" && return 0
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

# soon NAME SECONDS REGEX COMMAND...: it comes true in time.
soon() {
    local name=$1 seconds=$2 regex=$3
    shift 3
    if wait_for "$seconds" "$regex" "$@"; then
        pass "$name"
    else
        flunk "$name" "after $seconds s no line matches /$regex/"
    fi
}

# finish: the last line of every test.
finish() {
    echo "$(basename "$0"): $PASSED passed, $FAILED failed"
    [ -z "${E2E_COUNTS:-}" ] || echo "$PASSED $FAILED" >>"$E2E_COUNTS"
    [ $FAILED -eq 0 ] && [ $PASSED -gt 0 ]
    exit
}
