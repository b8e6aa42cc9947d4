#!/bin/sh
# Records what the real docker client says by itself (help, errors; no daemon runs) into engine/tests/goldens/docker-cli/.
# Needs Debian's docker.io. Usage: tests/record/docker-cli.sh [/usr/bin/docker [course|today]]
# The client of today is that of Debian 13:
#   tests/record/debian13.sh /tmp/debian13 bash tests/record/docker-cli.sh /usr/bin/docker today
set -eu
docker=${1:-/usr/bin/docker}
era=${2:-course}
shell=$(command -v sh || command -v bash)
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../engine/tests/goldens/docker-cli
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work/bin" "$work/home/dir" "$work/home/bad-ignore" "$work/home/broken-ignore" "$work/home/lower" "$work/home/link"
ln -s "$docker" "$work/bin/docker"
cd "$work/home"
echo x > file
echo FROM scratch | tee bad-ignore/Dockerfile broken-ignore/Dockerfile lower/dockerfile > /dev/null
echo '!' > bad-ignore/.dockerignore
echo '[a-' > broken-ignore/.dockerignore
ln -s nothing link/Dockerfile

record() { # cases → golden
    {
        echo "# $("$docker" --version)"
        echo "# Debian's docker.io, without a daemon, standard input empty. Recorded by tests/record/docker-cli.sh."
        sed -n '/^#/!p' "$1" | while IFS= read -r line; do
            printf '\n$ docker %s\n' "$line"
            rc=0
            env -i "PATH=$work/bin" HOME=/home/learner DOCKER_HOST=unix:///var/run/no-daemon.sock \
                "$shell" -c "docker $line" < /dev/null > "$work/1" 2> "$work/2" || rc=$?
            sed "s|^|1>|; s|$work/home|/home/learner|g" "$work/1"
            sed "s|^|2>|; s|$work/home|/home/learner|g" "$work/2"
            echo "= $rc"
        done
    } > "$out/$2"
}

case $era in
today)
    # Builds there are BuildKit's: they are recorded with a daemon (docker.sh).
    grep -v "^build" "$here/docker-cli.cases" > "$work/cases"
    record "$work/cases" client-today.txt
    ;;
*)
    record "$here/docker-cli.cases" client.txt
    record "$here/docker-cli.build.cases" build.txt
    ;;
esac
