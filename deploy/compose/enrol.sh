#!/bin/sh
# Once, when the server is up: the identities of web and api, and a join token for the one node. Idle when that was done.
set -eu
state=${MESHMINT_STATE:-/var/lib/meshmint}
socket=${MESHMINT_ADMIN:-/run/meshmint/admin.sock}
umask 027 # the agent reads the token by its group
[ ! -s "$state/join/node-1.token" ] || exit 0
mkdir -p "$state/join"
agent=spiffe://mesh.example/meshmint/agent/join_token/node-1
entry() { meshmint entry create --admin "$socket" --parent "$agent" --spiffe-id "spiffe://mesh.example/$1" --selector "unix:uid:$2"; }
entry web 2001
entry api 2002
meshmint token create --admin "$socket" --node node-1 --output json >"$state/join/answer.json"
sed -n 's/.*"token":"\([^"]*\)".*/\1/p' "$state/join/answer.json" >"$state/join/node-1.token"
rm "$state/join/answer.json"
