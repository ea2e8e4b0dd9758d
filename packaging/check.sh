#!/bin/sh
# Whether packages are as they must be: check.sh BINARY PACKAGE... What it runs on, what it gives away, how large it is, and
# what lintian and rpmlint say.
set -eu
binary=$1
shift
wrong=0

fail() {
	echo "$*" >&2
	wrong=1
}

# Debian 12, Ubuntu 22.04 and RHEL 9 have all of GLIBC_2.34.
needed=$(readelf --version-info --wide "$binary" | grep -oE '(GLIBC|GLIBCXX|CXXABI)_[0-9.]+' | sort -uV)
highest=$(echo "$needed" | grep '^GLIBC_' | tail -n 1)
[ "$highest" = "$(printf '%s\nGLIBC_2.34\n' "$highest" | sort -V | head -n 1)" ] || fail "$binary needs $highest, and may GLIBC_2.34"
! echo "$needed" | grep -E '^(GLIBCXX|CXXABI)_' || fail "$binary needs a shared libstdc++"

# Where it was built is nobody's business, and differs from machine to machine.
for path in "$PWD" "${CARGO_HOME:-$HOME/.cargo}" "$(rustc --print sysroot)" "$HOME/"; do
	case $path in / | //) continue ;; esac
	! grep -qaF "$path" "$binary" || fail "$binary holds the path $path"
done

for package; do
	size=$(stat -c %s "$package")
	case $package in
	*.deb)
		installed=$(dpkg-deb -f "$package" Installed-Size)
		[ "$size" -le 1887436 ] || fail "$package has $size bytes, and may have 1.8 MiB"
		[ "$installed" -le 7168 ] || fail "$package takes $installed KiB installed, and may take 7 MiB"
		echo "$package: $size bytes, $installed KiB installed, needs $highest"
		lintian --fail-on error,warning --allow-root "$package" || wrong=1
		;;
	*.rpm)
		echo "$package: $size bytes, $(rpm -qp --qf '%{SIZE}' "$package" 2>/dev/null) bytes installed"
		said=$(rpmlint --config packaging/rpmlint.toml "$package" 2>&1) || true
		echo "$said" | grep -q ' 0 errors, 0 warnings' || fail "$said"
		;;
	esac
done
exit $wrong
