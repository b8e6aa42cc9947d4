#!/usr/bin/env bash
# Records what Docker makes of each Dockerfile of engine/tests/goldens/docker/dockerfile.txt with BuildKit, into
# dockerfile-today.txt:   tests/record/debian13.sh DIR tests/record/dockerfiles.sh
#
# `===` and `|` are the case and its Dockerfile, taken over. `v` is a step as it is named, `>` what is said when the build
# stops, less the excerpt of the Dockerfile; `@` the first line of the excerpt and those it marks, `=` the exit status; `c`
# what its configuration sets, `h` its history above the base (`e` before an empty layer).
set -euo pipefail
tree=$(cd "$(dirname "$0")/../.." && pwd)
goldens=$tree/engine/tests/goldens/docker
work=$(mktemp -d)
. "$tree/tests/record/daemon.sh"
begin_daemon
for image in busybox:latest ubuntu:latest centos:7; do import "$image"; done

build() {
    local code=0
    # A Dockerfile of ARGs alone ends this daemon: nothing is recorded of it.
    [ "$name" != arg-only ] || return 0
    docker build --no-cache --network none --iidfile "$work/id" "$work/context" >/dev/null 2>"$work/2" || code=$?
    sed -nE 's/^#[0-9]+ (\[[^i][^]]*[0-9]\] .*)/v \1/p' "$work/2" | grep -v '] FROM ' || true
    grep -E '^ERROR: ' "$work/2" | 
        sed -E 's/ref [^ ]+::[^ ]+:/ref <ref>:/; s/failed to run Build function/failed to solve/; s/^/> /' || true
    grep -E '^Dockerfile:[0-9]+$|^ +[0-9]+ \| >>>' "$work/2" | sed 's/^/@ /' || true
    echo "= $code"
    [ $code = 0 ] || return 0
    docker image inspect "$(cat "$work/id")" | jq -c '"c " + (.[0].Config | del(.ArgsEscaped) |
        with_entries(select(.value != null and .value != "" and .value != [] and .value != {} and .value != false)) |
        tojson)' -r
    # An image without a layer cannot be saved.
    docker save -o "$work/saved" "$(cat "$work/id")" 2>/dev/null || return 0
    tar -x -C "$work" -f "$work/saved"
    jq -r '.[0].Config' "$work/manifest.json" | while read -r config; do
        jq -r '.history[] | select(.comment == "buildkit.dockerfile.v0") |
            "h " + (if .empty_layer then "e" else "-" end) + " " + (.created_by | tojson)' "$work/$config"
    done
}

{
    echo "# docker $(docker version --format '{{.Server.Version}}'), $(docker buildx version | cut -d' ' -f2) (Debian 13), BuildKit;"
    echo "# recorded by tests/record/dockerfiles.sh, which says what the marks are."
    begun=
    while IFS= read -r line; do
        case $line in
        '=== '*)
            [ -z "$begun" ] || build
            begun=yes
            name=${line#=== }
            rm -rf "$work/context"
            mkdir -p "$work/context"
            : >"$work/context/Dockerfile"
            echo "$line"
            ;;
        '| '* | '|')
            printf '%s\n' "$(sed 's/^| \?//' <<<"$line")" >>"$work/context/Dockerfile"
            echo "$line"
            ;;
        esac
    done <"$goldens/dockerfile.txt"
    build
} >"$work/golden"
mv "$work/golden" "$goldens/dockerfile-today.txt"
