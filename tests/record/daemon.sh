# For the recorders: a Docker daemon of one's own in $work, offline (-s vfs, no bridge), and a busybox root file system to
# import under the names of the scenario's base images. Ends with the script.
export DOCKER_HOST=unix://$work/sock

begin_daemon() {
    dockerd -s vfs --bridge=none --iptables=false --data-root "$work/data" --exec-root "$work/exec" \
        -H "$DOCKER_HOST" -p "$work/pid" >"$work/log" 2>&1 &
    daemon=$!
    trap 'kill $daemon 2>/dev/null; wait $daemon 2>/dev/null || true; rm -rf "$work" 2>/dev/null || true' EXIT
    for _ in $(seq 100); do docker version >/dev/null 2>&1 && break; sleep 0.1; done

    rootfs=$work/rootfs
    mkdir -p "$rootfs"/{bin,etc,tmp,root}
    cp "$(command -v busybox)" "$rootfs/bin/busybox"
    for tool in sh echo cat ls true false sleep rm mkdir touch env id pwd chmod; do
        ln -sf busybox "$rootfs/bin/$tool"
    done
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$rootfs/etc/passwd"
    printf 'root:x:0:\n' >"$rootfs/etc/group"
}

import() { # NAME [OPTION…]
    local name=$1
    shift
    tar -C "$rootfs" --owner=0 --group=0 -c . | docker import "$@" - "$name" >/dev/null
}
