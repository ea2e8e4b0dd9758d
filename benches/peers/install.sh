#!/bin/sh
# Installs what `make bench-peers` compares the registry with: as root on Debian; otherwise it says the command. It
# starts none of it: while packages are set up a policy forbids that, and afterwards none of the new services is left
# enabled for the next boot. What was installed before is left as it is.
set -eu

POLICY=/usr/sbin/policy-rc.d
MARK='# Left by make bench-peers, if it was killed; remove it.'

# Each package, and its service, which may have another name.
services() {
  case $1 in
    redis-server) echo redis-server ;;
    etcd-server) echo etcd ;;
    nats-server) echo nats-server ;;
  esac
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Whatever policy there was is put back, however this ends.
forbid_starts() {
  trap 'allow_starts' EXIT
  trap 'exit 1' HUP INT TERM
  if [ -e "$POLICY" ] && ! grep -qxF "$MARK" "$POLICY"; then
    mv "$POLICY" "$POLICY.before-bench-peers"
  fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$MARK" >"$POLICY"
  chmod 755 "$POLICY"
}

allow_starts() {
  rm -f "$POLICY"
  if [ -e "$POLICY.before-bench-peers" ]; then
    mv "$POLICY.before-bench-peers" "$POLICY"
  fi
}

missing=
for package in redis-server nats-server zookeeper etcd-server; do
  is_installed "$package" || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing:$missing. Type, on Debian: sudo sh benches/peers/install.sh" >&2
  exit 1
fi

forbid_starts
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
for package in $missing; do
  for service in $(services "$package"); do
    systemctl --quiet disable "$service" 2>/dev/null || update-rc.d "$service" disable ||
      echo "$service may start with the host, if it is a service here" >&2
  done
done
