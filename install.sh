#!/bin/sh
# Installs the gateway in the system (install/system.sh), or tries it out and tests it from a checkout,
# which needs no root. For want of a Deno of the pinned version, gets one into .deno/ here.
set -eu

# What `deno --version` must say. Older ones lack what the serial ports need, newer ones are untested.
DENO_VERSION=2.9.6
# Of the executable itself, which is the same file in the npm package and in the official release.
DENO_SHA256_X64=bceb5b6a6239b0b010418406d8c77a508f67cf4337d94288f1c19fe71304aab0
# Not known yet for arm64: there npm's own integrity check has to do.
DENO_SHA256_ARM64=

# Exit codes of sysexits.h, as in the program itself.
EXIT_FAILED=1
EXIT_USAGE=2
EXIT_UNAVAILABLE=69
EXIT_NOPERM=77

root=$(cd "$(dirname "$0")" && pwd)

usage() {
  cat <<'END'
Usage: sudo ./install.sh              install the gateway in the system, or upgrade it
         --no-start                   neither start nor restart the daemon
         --destdir DIR                only lay out the files in DIR; needs no root
       sudo ./install.sh --uninstall  take away all but the configuration and the state
       ./install.sh --try             update an emulated board from a local release server
       ./install.sh --test [ARG…]     run the test suite, with arguments for deno test
       ./install.sh --print-deno      print the path of the Deno that these use
       ./install.sh --help            this text

--try and --test need neither root nor a board and install nothing in the system. If Deno is missing
or is another version than the pinned one, it is fetched into .deno/ in this directory.
END
}

say() {
  printf 'install.sh: %s\n' "$*" >&2
}

die() {
  code=$1
  shift
  say "$*"
  exit "$code"
}

have() {
  command -v "$1" >/dev/null 2>&1
}

# Succeeds if $1 is a Deno of the pinned version that runs on this machine.
is_pinned_deno() {
  version=$("$1" --version 2>/dev/null | head -n 1) || return 1
  case $version in
    "deno $DENO_VERSION" | "deno $DENO_VERSION "*) return 0 ;;
    *) return 1 ;;
  esac
}

# Sets arch (npm's name), triple (the official release's) and sha256 (empty: none is known).
read_platform() {
  [ "$(uname -s)" = Linux ] ||
    die $EXIT_UNAVAILABLE "the gateway runs on Linux, this is $(uname -s)"
  [ "$(getconf LONG_BIT 2>/dev/null || echo 64)" = 64 ] ||
    die $EXIT_UNAVAILABLE "this system is a 32-bit one and Deno needs 64 bits: on a Raspberry Pi install the 64-bit OS"
  case $(uname -m) in
    x86_64 | amd64)
      arch=x64 triple=x86_64-unknown-linux-gnu sha256=$DENO_SHA256_X64 ;;
    aarch64 | arm64)
      arch=arm64 triple=aarch64-unknown-linux-gnu sha256=$DENO_SHA256_ARM64 ;;
    *)
      die $EXIT_UNAVAILABLE "there is no Deno for $(uname -m)" ;;
  esac
}

# Dies if the file is not the pinned executable; says nothing where no hash is known.
check_sha256() {
  [ -n "$sha256" ] || return 0
  if ! printf '%s  %s\n' "$sha256" "$1" | sha256sum --check --status; then
    rm -f "$1"
    die $EXIT_UNAVAILABLE "the Deno that was fetched is not the pinned one (its SHA-256 differs), it was removed"
  fi
}

# npm 11 asks before it runs a package's install script, and Deno's package only gets its executable
# from one. The platform package holds it as a plain file, so no script has to run; naming it also
# overrules a configuration that leaves optional dependencies out.
fetch_with_npm() {
  say "fetching Deno $DENO_VERSION from npm into .deno/"
  mkdir -p "$root/.deno"
  npm install --prefix "$root/.deno" --ignore-scripts --no-audit --no-fund --no-package-lock \
    --loglevel=error --no-update-notifier "deno@$DENO_VERSION" "@deno/linux-$arch-glibc@$DENO_VERSION" >&2 </dev/null ||
    return 1
  check_sha256 "$npm_deno"
  chmod +x "$npm_deno"
}

fetch_release() {
  url=https://github.com/denoland/deno/releases/download/v$DENO_VERSION/deno-$triple.zip
  say "fetching Deno $DENO_VERSION from $url"
  mkdir -p "$root/.deno/bin"
  zip=$root/.deno/deno.zip
  curl --fail --silent --show-error --location --proto '=https' --connect-timeout 20 \
    --output "$zip" "$url" || return 1
  unzip -oq "$zip" deno -d "$root/.deno/bin"
  rm -f "$zip"
  check_sha256 "$release_deno"
  chmod +x "$release_deno"
}

# Lets npm and Deno fetch through whom the system trusts, such as a company's proxy. Only for
# fetching: what the gateway trusts is its configuration's business.
trust_system_authorities() {
  bundle=/etc/ssl/certs/ca-certificates.crt
  if [ -z "${NODE_EXTRA_CA_CERTS-}" ] && [ -r "$bundle" ]; then
    NODE_EXTRA_CA_CERTS=$bundle
    export NODE_EXTRA_CA_CERTS
  fi
  : "${DENO_TLS_CA_STORE:=mozilla,system}"
  export DENO_TLS_CA_STORE
}

# Sets deno to the executable to use, and fetches it first if need be.
find_deno() {
  if have deno && is_pinned_deno deno; then
    deno=$(command -v deno)
    return
  fi
  read_platform
  npm_deno=$root/.deno/node_modules/@deno/linux-$arch-glibc/deno
  release_deno=$root/.deno/bin/deno
  for deno in "$npm_deno" "$release_deno"; do
    if is_pinned_deno "$deno"; then return; fi
  done

  if have npm && (trust_system_authorities && fetch_with_npm); then
    deno=$npm_deno
  elif [ -n "$sha256" ] && have curl && have unzip; then
    fetch_release || die $EXIT_UNAVAILABLE "Deno cannot be downloaded: check the network and try again"
    deno=$release_deno
  elif have npm; then
    die $EXIT_UNAVAILABLE "npm cannot install Deno: what it said stands above, check the network and try again"
  elif [ -n "$sha256" ]; then
    die $EXIT_UNAVAILABLE "to get Deno either npm or both curl and unzip are needed: install npm and try again"
  else
    die $EXIT_UNAVAILABLE "to get Deno on this machine npm is needed: install npm and try again"
  fi
  is_pinned_deno "$deno" ||
    die $EXIT_UNAVAILABLE "Deno was fetched but does not run here: it needs a 64-bit Linux with glibc 2.27 or newer"
}

# Runs one of the tasks of deno.json, in place of this script.
run_task() {
  cd "$root"
  find_deno
  (
    trust_system_authorities
    "$deno" install --quiet </dev/null
  ) || die $EXIT_UNAVAILABLE "the libraries of deno.lock cannot be fetched: check the network and try again"
  # A task that starts deno again must find this one.
  PATH=$(dirname "$deno"):$PATH
  export PATH
  exec "$deno" task "$@"
}

case ${1-} in
  --try)
    [ $# -eq 1 ] || die $EXIT_USAGE "--try takes no arguments, see ./install.sh --help"
    run_task demo
    ;;
  --test)
    shift
    run_task test "$@"
    ;;
  --print-deno)
    find_deno
    printf '%s\n' "$deno"
    ;;
  -h | --help)
    usage
    ;;
  '' | --uninstall | --no-start | --destdir | --destdir=*)
    # shellcheck source=install/system.sh
    . "$root/install/system.sh"
    system_main "$@"
    ;;
  *)
    usage >&2
    die $EXIT_USAGE "unknown argument $1"
    ;;
esac
