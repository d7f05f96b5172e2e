#!/bin/sh
# What the npm scripts do; a test holds this list against package.json.
cat <<'TEXT'
npm run demo       set-up, then the whole mesh on this machine: HSM ceremony, signer, server, agents, two Envoys under
                   traffic, renewals and a root rotation; -- --proxies N, --keep, --report FILE
npm test           set-up, then every test: TypeScript, Go and Python, real parts included; -- PATH runs some of them
npm run fuzz       a million hostile inputs for every parser of outside bytes; -- --target NAME, --cases N, --seed S, --seconds T
npm run bench      what it costs: -- for the names of the benches, NAME -- --json FILE to run one
npm run check      everything that reads the tree: generate, format, lint, types, architecture, docs, unit tests
npm run generate   types out of the .proto files (src/generated)
npm run build      dist/: JavaScript for the image; nothing else needs it
npm run help       this

./bin/meshmint --help   the program itself, run from the sources
TEXT
