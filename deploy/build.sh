#!/bin/sh
# dist/: the sources as JavaScript, for the image. Tests are left out; protos are read from proto/ beside dist/.
set -eu
cd "$(dirname "$0")/.."
sh deploy/generate.sh
rm -rf dist
sh bin/node node_modules/typescript/bin/tsc -p tsconfig.build.json
