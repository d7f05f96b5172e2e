#!/bin/sh
# Once, when the server is up: the identities of web and api, and a join token for the one node. Idle when that was done.
# MESHMINT_ADMIN, when set, names the admin socket.
set -eu
state=${MESHMINT_STATE:-/var/lib/meshmint}
token="$state/join/node-1.token"
umask 027 # the agent reads the token by its group
[ ! -s "$token" ] || exit 0
agent=spiffe://mesh.example/meshmint/agent/join_token/node-1
known=$(meshmint entry list --output json)
entry() {
  case $known in *"spiffe://mesh.example/$1\""*) return ;; esac
  meshmint entry create --parent "$agent" --spiffe-id "spiffe://mesh.example/$1" --selector "unix:uid:$2"
}
entry web 2001
entry api 2002
meshmint token create --node node-1 >"$token.new"
# The token is the first line of what is printed.
head -n 1 "$token.new" >"$token"
rm "$token.new"
