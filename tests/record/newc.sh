#!/bin/sh
# Records the initramfs that xtask's own writer is held against, with GNU cpio: tests/record/newc.sh > FILE
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir modules
echo 'not a module' > modules/00-overlay.ko
echo '#!/bin/sh' > init
: > empty
chmod 755 modules init
chmod 644 modules/00-overlay.ko
chmod 600 empty
touch -d @0 modules/00-overlay.ko init empty modules
printf '%s\n' modules modules/00-overlay.ko init empty | cpio --quiet -o -H newc --reproducible -R +0:+0
