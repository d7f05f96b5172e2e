#!/bin/sh
# Everything that reads the tree and needs no outside part: each step named, the first failure stops.
# `--without-tests` leaves out those that `npm test` runs too, for whoever runs that next.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$(dirname "$(sh bin/node -p process.execPath)"):$PATH"
export PATH
step() { printf 'check: %s\n' "$1"; shift; "$@"; }
step generate sh deploy/generate.sh
step biome biome check --error-on-warnings .
step tsc tsc -p .
step architecture depcruise --config .dependency-cruiser.mjs --output-type err src
step knip knip
[ "${1:-}" = --without-tests ] && exit 0
step "architecture and docs tests" vitest run --project parts --reporter=dot test/architecture
step "unit tests" vitest run --project unit --reporter=dot
