#!/bin/sh
# Brings what FILE needs (deploy/setup.sh), then runs it on Node 26: `run.sh [--for demo|test] FILE ARG …`.
# One process from here on: the old Node that npm was started with is never gone back to.
set -eu
cd "$(dirname "$0")/.."
purpose=demo
if [ "${1:-}" = "--for" ]; then purpose=$2; shift 2; fi
sh deploy/setup.sh "$purpose"
exec sh bin/node "$@"
