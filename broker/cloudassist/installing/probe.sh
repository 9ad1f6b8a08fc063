# What a host is, as words for the installer: told once, by a POSIX shell, before anything is changed.
# $1: the folder of the installation, $2: that of the agent's state, $3: a Python; each may be empty.
say() { printf 'cloudassist:%s=%s\n' "$1" "$2"; }

uid=$(id -u)
say uid "$uid"
say user "$(id -un)"
say home "$HOME"
say kernel "$(uname -s)"
say machine "$(uname -m)"
say hostname "$(uname -n)"
say boot "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
say root "$(stat -c %d:%i / 2>/dev/null)"
for file in /etc/os-release /usr/lib/os-release; do
    [ -r "$file" ] || continue
    (. "$file"; say os_id "$ID"; say os_release "$VERSION_ID"; say os_variant "$VARIANT_ID"; say os_name "$PRETTY_NAME")
    break
done

prefix=$1 state=$2
if [ "$uid" = 0 ]; then
    : "${prefix:=/opt/cloudassist}" "${state:=/var/lib/cloudassist}"
else
    : "${prefix:=$HOME/.local/share/cloudassist}" "${state:=${XDG_STATE_HOME:-$HOME/.local/state}/cloudassist}"
fi
say prefix "$prefix"
say state "$state"
say installed "$(readlink "$prefix/current" 2>/dev/null)"

place=$prefix
while [ ! -d "$place" ]; do place=$(dirname "$place"); done
say free_kib "$(df -Pk "$place" 2>/dev/null | awk 'NR == 2 { print $4 }')"
if [ -w "$place" ]; then say writable yes; else say writable no; fi

found='import sys, platform
try:
    import venv, zipfile, sqlite3, ssl
    lacks = ""
except ImportError as error:
    lacks = str(error)
print("|".join([sys.executable, platform.python_version(), platform.machine(), *platform.libc_ver(), lacks]))'
seen=
for python in ${3:-python3.14 python3.13 python3.12 python3.11 python3 "$prefix"/runtimes/*/bin/python3 "$prefix"/runtimes/*/*/bin/python3}; do
    python=$(command -v "$python" 2>/dev/null) || continue
    real=$(readlink -f "$python")
    case " $seen " in *" $real "*) continue ;; esac
    seen="$seen $real"
    say python "$("$python" -I -c "$found" 2>/dev/null)"
done
say end yes
