# Runs in a mount namespace of its own, as root: what is written to /etc, /run, /usr/local
# and /var there is seen by no one else, and gone at the end.
# usage: SCRIPT SCRATCH PROGRAM ISSUER CLIENT KEY NEWER_SSHD
scratch=$1 program=$2 issuer=$3 client=$4 key=$5 newer_sshd=$6
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount -t tmpfs tmpfs "$scratch"
for place in etc var usr/local; do
    mkdir -p "$scratch/$place/upper" "$scratch/$place/work"
    mount -t overlay overlay \
        -o "lowerdir=/$place,upperdir=$scratch/$place/upper,workdir=$scratch/$place/work" "/$place"
done
# not the machine's systemd: it would look at the machine's files
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd
rm -rf /var/tmp/opkssh-* /etc/opk /etc/ssh/sshd_config.d/*opk* /var/cache/opkssh /var/log/opkssh.log /etc/sudoers.d/opkssh
mkdir -p /etc/sudoers.d /etc/systemd/system /etc/ssh/sshd_config.d
printf 'Include /etc/ssh/sshd_config.d/*.conf\nUsePAM no\nLogLevel DEBUG\n' >/etc/ssh/sshd_config
ssh-keygen -A >/dev/null

die() { echo "FAILED: $*"; exit 1; }
refuses() { # TEXT: install refuses with it, and leaves no drop-in behind
    if opkssh server install >"$scratch/said" 2>&1; then die "installed although: $1"; fi
    grep -qF -- "$1" "$scratch/said" || die "not said: $1: $(cat "$scratch/said")"
    [ ! -e /etc/ssh/sshd_config.d/60-opkssh.conf ] || die "a drop-in is left"
}
is() { # OWNER:GROUP:MODE PATH
    [ "$(stat -c %U:%G:%a "$2")" = "$1" ] || die "$2 is $(stat -c %U:%G:%a "$2"), not $1"
}

start_sshd() {
    port=$(awk -v seed=$$ 'BEGIN { srand(seed); print 20000 + int(rand() * 12000) }')
    : >"$scratch/sshd.log"
    "$(command -v sshd)" -D -E "$scratch/sshd.log" -p "$port" -o ListenAddress=127.0.0.1 -o PidFile=none &
    sshd=$!
    trap 'kill $sshd' EXIT
    until grep -q "Server listening" "$scratch/sshd.log" 2>/dev/null; do
        kill -0 $sshd || die "sshd: $(cat "$scratch/sshd.log")"
    done
}
log_in() { # KEY ACCOUNT WORDS...
    who=$2
    set -- -i "$1" "$2@127.0.0.1" "$3"
    ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -p "$port" "$@" ||
        die "ssh as $who: $(cat /var/log/opkssh.log "$scratch/sshd.log")"
}

