#!/bin/sh
# Whether two builds of one commit, in two places, give the same bytes: builds this commit again in a clone elsewhere, and
# compares with dist/. Uncommitted changes would be a difference.
set -eu
# Another umask, as another person may have.
umask 027
again=$(mktemp -d)
trap 'rm -rf "$again"' EXIT
git diff --quiet HEAD || { echo "there are uncommitted changes: commit them first" >&2; exit 1; }
git clone --quiet . "$again/clone"
(cd "$again/clone" && env -u CARGO_TARGET_DIR make --no-print-directory deb rpm) >"$again/log" 2>&1 || { cat "$again/log"; exit 1; }
status=0
for package in dist/*.deb dist/*.rpm; do
	cmp "$package" "$again/clone/$package" && sha256sum "$package" || status=1
done
exit $status
