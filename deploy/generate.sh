#!/bin/sh
# Makes src/generated from proto/ and from Envoy's protos in their npm package; idle when nothing changed.
# The options are the same as in src/wire/load-package.ts: types and run time must agree.
set -eu
cd "$(dirname "$0")/.."
deps=node_modules/@grpc/grpc-js-xds/deps
stamp=src/generated/.stamp
inputs=$(cat proto/*.proto proto/meshmint/v1/*.proto deploy/generate.sh package-lock.json | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$inputs" ]; then exit 0; fi
rm -rf src/generated
mkdir -p src/generated
sh bin/node node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js \
  --importFileExtension=.ts --longs=String --enums=String --defaults --oneofs --grpcLib=@grpc/grpc-js \
  --outDir=src/generated -I proto "$deps/envoy-api" "$deps/xds" "$deps/googleapis" "$deps/protoc-gen-validate" -- \
  meshmint/v1/signer_api.proto meshmint/v1/node_api.proto meshmint/v1/admin_api.proto \
  workload_api.proto envoy/service/secret/v3/sds.proto envoy/extensions/transport_sockets/tls/v3/secret.proto \
  envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.proto >/dev/null
# A file without a service becomes a package file that nobody needs, with imports that tsc calls unused.
rm src/generated/secret.ts src/generated/tls_spiffe_validator_config.ts
printf '%s' "$inputs" >"$stamp"
