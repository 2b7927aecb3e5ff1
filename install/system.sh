# shellcheck shell=sh
# Installs the gateway in the system, upgrades it and takes it away again. Sourced by install.sh, whose
# functions it uses.
#
# INVARIANTS
# - Wherever it is cut, /opt/uota-gateway/current leads to a whole version, the old or the new one, and
#   every other file is the old or the new one. Running it again completes it.
# - What runs in the installed version needs neither the network nor a writable directory.
# - The configuration is written where there is none, else never. State is never touched, but that it
#   becomes root's when its user goes.
# - With --destdir nothing outside of DIR is written and no service of this machine is asked.

# What runs, and what people read. The demo's emulated board is the tests' one.
INSTALLED_SOURCES="agent config errors serial deno.json deno.lock CHANGELOG.md LICENSE README.md"
SERVICE=uota-gateway.service

# Sets action, start and destdir.
read_system_arguments() {
  action=install start=yes destdir=
  while [ $# -gt 0 ]; do
    case $1 in
      --uninstall) action=uninstall ;;
      --no-start) start=no ;;
      --destdir)
        shift
        read_destdir "${1-}"
        ;;
      --destdir=*) read_destdir "${1#--destdir=}" ;;
      *) die $EXIT_USAGE "unknown argument $1, see ./install.sh --help" ;;
    esac
    shift
  done
  [ "$action" = install ] || [ "$start" = yes ] ||
    die $EXIT_USAGE "--uninstall and --no-start exclude each other"
}

# An empty one would be the system itself.
read_destdir() {
  [ -n "$1" ] || die $EXIT_USAGE "--destdir needs a directory, see ./install.sh --help"
  destdir=$1
}

# Sets the paths of all that is installed.
set_paths() {
  opt=$destdir/opt/uota-gateway
  command=$destdir/usr/local/bin/uota
  config=$destdir/etc/uota-gateway/gateway.toml
  state=$destdir/var/lib/uota-gateway
  unit=$destdir/etc/systemd/system/$SERVICE
  newer=$unit.d/10-systemd-254.conf
  users=$destdir/etc/sysusers.d/uota-gateway.conf
  rules=$destdir/etc/udev/rules.d/60-uota-gateway.rules
  bash_completion=$destdir/usr/local/share/bash-completion/completions/uota
  zsh_completion=$destdir/usr/local/share/zsh/site-functions/_uota
  fish_completion=$destdir/usr/local/share/fish/vendor_completions.d/uota.fish
  manual=$destdir/usr/local/share/man/man8/uota.8
}

system_main() {
  read_system_arguments "$@"
  umask 022
  if [ -n "$destdir" ]; then
    mkdir -p "$destdir"
    destdir=$(cd "$destdir" && pwd)
    [ "$destdir" != / ] || die $EXIT_USAGE "to install in / leave --destdir out"
  else
    [ "$(id -u)" = 0 ] || die $EXIT_NOPERM "this needs root: sudo ./install.sh"
    [ -d /run/systemd/system ] ||
      die $EXIT_UNAVAILABLE "systemd does not run this machine, so there is nothing that would start the daemon: run it from here with deno task daemon, or lay out the files with --destdir DIR"
  fi
  set_paths
  if [ "$action" = uninstall ]; then uninstall; else install; fi
}

install() {
  find_deno
  mkdir -p "$opt/versions"
  take_lock
  stage
  switch_version
  install_outside
  if [ -n "$destdir" ]; then
    remove_old_versions
    say "laid out uota $version in $destdir"
    return
  fi
  install_user
  systemctl daemon-reload
  reload_udev
  start_daemon
}

# One at a time; the lock goes with the process.
take_lock() {
  exec 9<"$opt"
  flock --nonblock 9 || die $EXIT_UNAVAILABLE "another install.sh is at work on $opt, wait for it"
}

# Makes a whole version in a directory of its own. Sets staged and version.
stage() {
  staged=$opt/versions/.staged
  trap 'rm -rf "$staged"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  rm -rf "$staged"
  mkdir -p "$staged/bin" "$staged/share" "$staged/tests"
  for source in $INSTALLED_SOURCES; do cp -R "$root/$source" "$staged/"; done
  cp -R "$root/tests/boards" "$staged/tests/"
  find "$staged/tests" -name '*_test.ts' -exec rm {} +
  cp "$root/install/uota" "$staged/bin/uota"
  # What is on PATH may be a script that starts the executable.
  executable=$(cd / && "$deno" eval 'console.log(Deno.execPath())')
  cp "$executable" "$staged/deno"
  say "putting the libraries of deno.lock beside the program"
  (
    trust_system_authorities
    cd "$staged"
    "$staged/deno" install --quiet --frozen --node-modules-dir=auto </dev/null
  ) || die $EXIT_UNAVAILABLE "the libraries of deno.lock cannot be fetched: check the network and try again"
  # Deno's own notes about the directory, of no use later.
  rm -f "$staged/node_modules/.deno/.deno.lock" "$staged/node_modules/.deno/.setup-cache.bin"
  chmod -R u=rwX,go=rX "$staged"
  version=$(staged_uota --version)
  print_to completions.bash completions bash
  print_to completions.zsh completions zsh
  print_to completions.fish completions fish
  print_to uota.8 manual
  rm -rf "$staged/.cache"
}

# Runs the staged program as it will run when it is installed.
staged_uota() {
  DENO_DIR=$staged/.cache "$staged/bin/uota" "$@" ||
    die $EXIT_UNAVAILABLE "the new version does not run: uota $* failed, nothing was changed"
}

print_to() {
  file=$staged/share/$1
  shift
  staged_uota "$@" >"$file"
  [ -s "$file" ] ||
    die $EXIT_UNAVAILABLE "the new version does not run: uota $* printed nothing, nothing was changed"
}

# A name for the content of a directory: all files and where its links lead.
tree_id() {
  (
    cd "$1"
    {
      find . -type f -exec sha256sum {} +
      find . -type l -printf '%l %p\n'
    } | LC_ALL=C sort -k 2 | sha256sum | cut -c 1-12
  )
}

# Makes the staged version the current one, at one moment. Sets changed.
switch_version() {
  id=$(tree_id "$staged")
  changed=no
  if [ -e "$opt/current/deno" ] && [ "$(tree_id "$opt/current/")" = "$id" ]; then
    rm -rf "$staged"
    return
  fi
  changed=yes
  target=$version-$id
  # A current version that was damaged has the name already, and must stay until the switch; so must
  # one that a daemon still runs in.
  while is_in_use "$target"; do target=$target-repaired; done
  rm -rf "$opt/versions/$target"
  # What is switched to must be on the disk. A package's builder sees to that by himself.
  [ -n "$destdir" ] || sync
  mv "$staged" "$opt/versions/$target"
  put_link "versions/$target" "$opt/current"
}

# Everything outside of /opt/uota-gateway but the user.
install_outside() {
  now=$opt/current
  # Within DIR the link has to work before DIR becomes /.
  if [ -n "$destdir" ]; then to=../../../opt; else to=/opt; fi
  put_link "$to/uota-gateway/current/bin/uota" "$command"
  put_file "$now/share/completions.bash" "$bash_completion"
  put_file "$now/share/completions.zsh" "$zsh_completion"
  put_file "$now/share/completions.fish" "$fish_completion"
  put_file "$now/share/uota.8" "$manual"
  put_file "$now/config/uota-gateway.sysusers" "$users"
  put_file "$now/config/60-uota-gateway.rules" "$rules"
  put_file "$now/config/$SERVICE" "$unit"
  # Which systemd DIR will meet is not known.
  if [ -z "$destdir" ] && [ "$(systemd_version)" -ge 254 ]; then
    put_file "$now/config/uota-gateway.systemd-254.conf" "$newer"
  fi
  # It may come to hold secrets.
  if [ ! -e "$config" ]; then put_file "$now/config/gateway.toml" "$config" 640; fi
}

# Puts the file $1 to $2, with mode $3 or 644, at one moment. Sets changed where it differs.
put_file() {
  if cmp -s "$1" "$2"; then return; fi
  mkdir -p "$(dirname "$2")"
  cp "$1" "$2.uota-new"
  chmod "${3:-644}" "$2.uota-new"
  mv -f "$2.uota-new" "$2"
  changed=yes
}

# Lets the link $2 lead to $1, at one moment.
put_link() {
  if [ "$(readlink "$2")" = "$1" ]; then return; fi
  mkdir -p "$(dirname "$2")"
  rm -f "$2.uota-new"
  ln -s "$1" "$2.uota-new"
  mv -fT "$2.uota-new" "$2"
}

systemd_version() {
  systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p'
}

install_user() {
  if have systemd-sysusers; then
    systemd-sysusers "$users"
  else
    getent group dialout >/dev/null || groupadd --system dialout
    getent passwd uota >/dev/null ||
      useradd --system --user-group --home-dir /var/lib/uota-gateway --no-create-home \
        --shell /usr/sbin/nologin --comment "MicroPython firmware gateway" uota
    usermod --append --groups dialout uota
  fi
  if ! setpriv --reuid=uota --regid=uota --init-groups test -r "$config"; then
    chgrp uota "$config"
    chmod g+r "$config"
  fi
}

# For boards that are plugged in already. In a container there may be no udev.
reload_udev() {
  [ -e /run/udev/control ] || return 0
  if udevadm control --reload && udevadm trigger --subsystem-match=usb --subsystem-match=tty; then
    return
  fi
  say "udev did not take the new rules: plug the boards in again, or reboot"
}

# Whether the configuration has no url in its [source] but the example's. A board may have any.
names_no_source() {
  awk '
    /^[[:space:]]*\[/ { in_source = /^[[:space:]]*\[[[:space:]]*source[[:space:]]*\]/ }
    in_source && /^[[:space:]]*url[[:space:]]*=[[:space:]]*.https:\/\/example\.com\// { found = 1 }
    END { exit !found }
  ' "$config"
}

# Brings the daemon to what is installed, where that is wanted.
start_daemon() {
  if [ "$start" = no ]; then
    say "uota $version is installed"
    if systemctl --quiet is-active $SERVICE; then
      say "the daemon still runs as it was before: sudo systemctl restart uota-gateway"
      return
    fi
    say "to start the daemon: sudo systemctl enable --now uota-gateway"
  elif names_no_source && ! systemctl --quiet is-active $SERVICE; then
    say "uota $version is installed; it was not started, since $config names no source yet"
    say "first: sudoedit $config     (set source.url)"
    say "then:  sudo systemctl enable --now uota-gateway"
  elif [ "$changed" = no ] && systemctl --quiet is-active $SERVICE; then
    say "uota $version is installed and runs, nothing had to be changed"
  else
    systemctl --quiet enable $SERVICE
    systemctl restart $SERVICE ||
      die $EXIT_FAILED "uota $version is installed, but its daemon does not start: sudo journalctl -u uota-gateway -e says why"
    say "uota $version is installed and runs"
  fi
  remove_old_versions
}

# Those in which something still runs go with the next installation.
remove_old_versions() {
  for old in "$opt"/versions/*; do
    is_in_use "${old##*/}" || rm -rf "$old"
  done
}

# Whether the version is the current one, or a process runs in it: its Deno is in there.
is_in_use() {
  [ "$(readlink "$opt/current")" != "versions/$1" ] || return 0
  readlink /proc/[0-9]*/exe 2>/dev/null | grep -qF "$(readlink -f "$opt/versions/$1")/deno"
}

uninstall() {
  if [ -d "$opt" ]; then take_lock; fi
  if [ -z "$destdir" ] && [ -e "$unit" ]; then
    systemctl --quiet disable --now $SERVICE ||
      die $EXIT_FAILED "the daemon cannot be stopped, nothing was removed: sudo systemctl status uota-gateway says why"
  fi
  rm -f "$command" "$bash_completion" "$zsh_completion" "$fish_completion" "$manual" \
    "$users" "$rules" "$unit" "$newer"
  rm -rf "$destdir/var/cache/uota-gateway"
  if [ -z "$destdir" ]; then
    systemctl daemon-reload
    systemctl reset-failed $SERVICE 2>/dev/null || true
    reload_udev
    remove_user
  fi
  # Last, since the lock is on it.
  rm -rf "$opt"
  # Drop-ins of the administrator stay, an empty directory does not.
  rmdir "$unit.d" 2>/dev/null || true
  say "uota is no longer installed; these stay:"
  for path in "${config%/*}" "$state" "$unit.d"; do
    [ ! -e "$path" ] || say "  $path"
  done
}

# Its number may be given to another user, who must not get what belonged to it.
remove_user() {
  if getent passwd uota >/dev/null; then
    for path in "${config%/*}" "$state"; do
      [ ! -d "$path" ] || find "$path" \( -user uota -o -group uota \) -exec chown -h root:root {} +
    done
    userdel uota
  fi
  if getent group uota >/dev/null; then groupdel uota; fi
}
