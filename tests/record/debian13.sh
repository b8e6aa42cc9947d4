#!/usr/bin/env bash
# Runs a command beside Debian 13's Docker (docker.io 26.1, buildx 0.13: BuildKit is the default builder), for a recorder:
#
#   tests/record/debian13.sh DIR COMMAND…     for instance
#   tests/record/debian13.sh /tmp/debian13 tests/record/docker.sh engine/tests/goldens/docker/today.cmds
#
# DIR becomes the root of a small Debian 13, fetched with apt from the mirror this machine has; the tree is at /tree in it.
# Needs root and, the first time, apt.
set -euo pipefail
tree=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift

fetch() {
    local apt=$dir.apt mirror
    mirror=$(apt-get indextargets --format '$(SITE)' | grep -v security | head -1)
    mkdir -p "$apt"/{state/lists/partial,cache/archives/partial,etc/{apt.conf.d,preferences.d}}
    : >"$apt/state/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$apt/etc/sources.list"
    printf 'Dir::%s;\n' "State \"$apt/state\"" "State::status \"$apt/state/status\"" "Cache \"$apt/cache\"" \
        "Etc \"$apt/etc\"" >"$apt/conf"
    export APT_CONFIG=$apt/conf
    apt-get -q update
    apt-get -q install -y --no-install-recommends --download-only \
        docker.io docker-cli docker-buildx docker-registry busybox-static bash coreutils sed grep findutils tar jq mount
    for package in "$apt"/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$dir" --keep-directory-symlink
    done
    mkdir -p "$dir"/{tree,old,proc,sys,dev,run,tmp}
    touch "$dir/.fetched"
}
[ -e "$dir/.fetched" ] || fetch >&2

enter='
    mount --bind "$0" "$0"; cd "$0"
    mount --bind "$1" tree; mount -t proc proc proc; mount --rbind /sys sys; mount --rbind /dev dev; mount -t tmpfs none run
    shift
    pivot_root . old
    umount -l /old
    cd /tree
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C "$@"
'
exec unshare --mount --propagation private bash -ec "$enter" "$dir" "$tree" "$@"
