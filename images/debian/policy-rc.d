#!/bin/sh
# No init runs in a container: a package must not try to start its service.
exit 101
