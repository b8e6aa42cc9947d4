#!/usr/bin/env bash
# Records what Debian's docker.io says, as goldens in engine/tests/goldens/docker/.
#
#   tests/record/docker.sh [FILE.cmds …]      all of engine/tests/goldens/docker/*.cmds without arguments, but those of today:
#   tests/record/debian13.sh DIR tests/record/docker.sh engine/tests/goldens/docker/{buildkit,today,df}.cmds
#
# A .cmds file holds command lines; its golden has the same name and ends in .golden:
#   $ LINE         the command line; `--network none` was added where the daemon has no bridge
#   1 TEXT         a line of standard output          2 TEXT   a line of standard error
#   = CODE         the exit code
# Lines of a .cmds file: `docker …` is recorded; `@ FILE TEXT` writes a file of the context first (`\n` as two characters).
# Everything runs offline in a daemon of its own (-s vfs, no bridge), with a busybox root file system imported under the
# names of the scenario's base images, in an empty directory that fixtures may fill.
#
# Normalised, so that a new recording differs only where Docker does:
#   64 hexadecimal digits   <id64>          12 of them, as a word   <id12>
#   RFC 3339 times          <time>          `5 seconds` and the like (ago, Up)   <age>
#   megabytes               <size>          colours (SGR)           dropped
#   runs of two or more spaces              two spaces (columns follow the widths of what was normalised)
# and of what BuildKit says:
#   seconds                 <s>             how long a status took, and statuses that are not yet done   dropped
#   the random names of what a file was looked for in   <ref>, <mount>
#   what a registry that cannot be reached is                               <registry>
#   "failed to run Build function", which is the same as "failed to solve" and said when it comes first
# Needs root, docker.io (20.10), runc, busybox-static.
set -euo pipefail
PATH=/usr/sbin:/usr/bin:/sbin:/bin
here=$(cd "$(dirname "$0")/../.." && pwd)
goldens=$here/engine/tests/goldens/docker
work=$(mktemp -d)
. "$here/tests/record/daemon.sh"
begin_daemon
version=$(docker version --format '{{.Server.Version}}')

reset() {
    docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || true
    docker images -aq | xargs -r docker rmi -f >/dev/null 2>&1 || true
    for image in busybox:latest centos:7 ubuntu:latest; do
        import "$image" -c 'CMD ["/bin/sh"]'
        # Listings are sorted by second.
        sleep 1.1
    done
    rm -rf "$work/cwd"
    mkdir "$work/cwd"
}

normalise() {
    sed -E \
        -e 's/\x1b\[[0-9;]*m//g' \
        -e 's/[0-9a-f]{64}/<id64>/g' \
        -e 's/\b[0-9a-f]{12}\b/<id12>/g' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/<time>/g' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} \+0000 UTC/<time>/g' \
        -e 's/(Less than a second|About an? (minute|hour)|[0-9]+ (second|minute|hour|day|week|month|year)s?)( ago)?/<age>/g' \
        -e 's/[0-9.]+MB/<size>/g' \
        -e 's/^(#[0-9]+ )?[0-9]+\.[0-9]{3} /\1<s> /' \
        -e 's/^(#[0-9]+ DONE) [0-9.]+s$/\1 <s>/' \
        -e 's/^(#[0-9]+ .*) [0-9.]+s done$/\1 done/' \
        -e '/^#[0-9]+ (exporting layers|(writing image|transferring|naming to) .*[^e])$/d' \
        -e 's/ref [^ ]+::[^ ]+:/ref <ref>:/' \
        -e 's/lstat .*buildkit-mount[0-9]+/lstat <mount>/' \
        -e 's/failed to do request: Head .*/<registry>/' \
        -e 's/failed to run Build function/failed to solve/' \
        -e 's/ {2,}/  /g'
}

offline() {
    sed -E 's/^docker (run|create|build)\b/& --network none/'
}

record() {
    local line code
    printf '# docker %s (Debian docker.io), recorded by tests/record/docker.sh; ids, times and sizes normalised as it says.\n' "$version"
    while IFS= read -r line; do
        case $line in
        '' | '#'*) ;;
        '@ '*)
            line=${line#@ }
            file=${line%% *}
            [ "$file" = "$line" ] && line="$file "
            printf '%b' "${line#* }" >"$work/cwd/$file"
            ;;
        *)
            code=0
            (cd "$work/cwd" && bash -c "$(offline <<<"$line")") \
                >"$work/1" 2>"$work/2" </dev/null || code=$?
            printf '$ %s\n' "$line"
            normalise <"$work/1" | sed 's/^/1 /'
            normalise <"$work/2" | sed 's/^/2 /'
            printf '= %s\n' "$code"
            ;;
        esac
    done
}

# BuildKit's golden is recorded beside Debian 13's Docker.
[ $# -gt 0 ] || set -- $(ls "$goldens"/*.cmds | grep -v -e buildkit -e today -e df)
for commands in "$@"; do
    reset
    record <"$commands" >"${commands%.cmds}.golden"
    echo "recorded ${commands%.cmds}.golden"
done
