#!/bin/sh
# Runs haproxy in master-worker mode in the foreground: SIGUSR2 to the container reloads the configuration.
set -e
case "${1:-}" in
  -*) set -- haproxy "$@" ;;
esac
if [ "$1" = haproxy ]; then
  shift
  set -- haproxy -W -db "$@"
fi
exec "$@"
