#!/bin/sh
# Once, before the signer starts: PINs by chance, then the ceremonies of ceremony.yaml. Idle when that was done.
set -eu
state=${MESHMINT_STATE:-/var/lib/meshmint}
config=${1:-/etc/meshmint/ceremony.yaml}
umask 077
mkdir -p "$state/pins" "$state/tokens"
for name in offline issuing so; do
  [ -s "$state/pins/$name.pin" ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$state/pins/$name.pin"
done
umask 022 # what ceremonies write is public, and the server reads it
if [ ! -e "$state/ceremony/root.pem" ]; then meshmint ceremony root -c "$config"; fi
if [ ! -e "$state/ceremony/issuing-1-1.pem" ]; then meshmint ceremony intermediate -c "$config"; fi
