#!/bin/sh
# Brings everything meshmint needs on a fresh machine with Node >= 20, npm and Python 3. Idempotent.
set -eu
cd "$(dirname "$0")/.."
say() { printf 'set-up: %s\n' "$*"; }

missing=""
command -v g++ >/dev/null 2>&1 || missing="$missing g++"
command -v make >/dev/null 2>&1 || missing="$missing make"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
command -v softhsm2-util >/dev/null 2>&1 || missing="$missing softhsm2"
if [ -n "$missing" ]; then
  say "installing system packages:$missing"
  if [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null
  elif sudo -n true 2>/dev/null; then
    sudo apt-get update -qq && sudo apt-get install -y -qq $missing >/dev/null
  else
    say "may not install packages here; run: sudo apt-get install -y$missing"
    exit 1
  fi
fi

case $(uname -m) in aarch64 | arm64) arch=arm64 ;; *) arch=x64 ;; esac
kept=node_modules/.meshmint-lock.json
if ! cmp -s package-lock.json "$kept"; then
  say "installing npm packages (Node 26 among them)"
  npm_config_nodedir="$PWD/node_modules/node-linux-$arch" npm ci --loglevel=error >/dev/null
  cp package-lock.json "$kept"
fi
sh deploy/generate.sh
