#!/bin/bash
# Records what dash and GNU's tools write for the scripts of programs.*.cases into engine/src/program/tests/*.golden.
# Needs Debian 12, and root for the scripts of mounts. Usage: tests/record/programs.sh [FAMILY]
set -eu
export LC_ALL=C TZ=UTC
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../engine/src/program/tests
work=/tmp/drydock-programs
trap 'rm -rf "$work" "$work.said"' EXIT

fixture() {
    rm -rf "$work"
    mkdir -p "$work/d/e"
    cd "$work"
    printf 'hi\nthere\n' > f
    printf '3 c\n1 a\n2 b\n10 a\n' > n
    ln -s f l
    touch -d @1000000000 f n d d/e
}

for family in ${1:-shell tools mounts}; do
    # Scripts of mounts do what they do where nobody else sees it.
    apart=
    if [ "$family" = mounts ]; then apart='unshare --mount --propagation private'; fi
    {
        echo "# recorded $(date -u +%F) on Debian $(cat /etc/debian_version) by tests/record/programs.sh:"
        dpkg-query -W -f '# ${Package} ${Version}\n' dash coreutils grep sed findutils tar procps util-linux
        script=
        while IFS= read -r line; do
            if [ "$line" != %% ]; then
                script=$script$line$'\n'
                continue
            fi
            case $script in '#'*) script=; continue ;; esac
            fixture
            status=0
            env -i PATH=/usr/bin:/bin:/usr/sbin HOME=/root LC_ALL=C timeout 20 $apart dash -c "${script%$'\n'}" sh \
                > "$work.said" 2>&1 < /dev/null || status=$?
            printf '\x1e\n%s\x1f\n' "${script%$'\n'}"
            cat "$work.said"
            printf '\x1f%s\n' "$status"
            script=
        done < "$here/programs.$family.cases"
    } > "$out/$family.golden"
done
