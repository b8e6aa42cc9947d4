#!/bin/sh
# Start Apache in the foreground, so that it is the container's first process.
echo "starting httpd"
exec /usr/sbin/httpd -DFOREGROUND
