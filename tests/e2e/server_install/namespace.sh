# Runs in a mount namespace of its own, as root: what is written to /etc, /var and /usr/local there
# is seen by nobody else, and gone at the end.
# usage: namespace.sh SCRATCH PROGRAM ISSUER CLIENT KEY NEWER_SSHD
scratch=$1 program=$2 issuer=$3 client=$4 key=$5 newer_sshd=$6
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount -t tmpfs tmpfs "$scratch"
for place in etc var usr/local; do
    mkdir -p "$scratch/$place/upper" "$scratch/$place/work"
    mount -t overlay overlay \
        -o "lowerdir=/$place,upperdir=$scratch/$place/upper,workdir=$scratch/$place/work" "/$place"
done
# not the machine's systemd: it would look at the machine's files
if [ -d /run/systemd ]; then mount -t tmpfs tmpfs /run/systemd; fi
mkdir -p /run/sshd
rm -rf /etc/opk /etc/ssh/sshd_config.d/*opk* /var/cache/opkssh /var/log/opkssh.log /etc/sudoers.d/opkssh
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

echo "== a program that sshd would not run"
mkdir -m 777 "$scratch/open"
cp "$program" "$scratch/open/opkssh"
if "$scratch/open/opkssh" server install >"$scratch/said" 2>&1; then die "installed from there"; fi
grep -q "sshd would not run" "$scratch/said" || die "$(cat "$scratch/said")"

install -m 755 "$program" /usr/local/bin/opkssh

echo "== a rehearsal"
opkssh server install --dry-run >"$scratch/said"
grep -q "Would write /etc/opk/providers" "$scratch/said" || die "$(cat "$scratch/said")"
grep -q "AuthorizedKeysCommand /usr/local/bin/opkssh verify" "$scratch/said" || die "$(cat "$scratch/said")"
[ ! -e /etc/opk ] || die "the rehearsal wrote /etc/opk"

echo "== refusals"
echo 'Nonsense yes' >/etc/ssh/sshd_config.d/90-broken.conf
refuses "not in order as it is, and nothing was changed"
[ ! -e /etc/opk ] || die "wrote before it looked"
rm /etc/ssh/sshd_config.d/90-broken.conf
printf 'AuthorizedKeysCommand /usr/bin/other %%u\nAuthorizedKeysCommandUser nobody\n' \
    >/etc/ssh/sshd_config.d/50-other.conf
refuses "runs another AuthorizedKeysCommand already: /usr/bin/other"
grep -qF 'fallback: {command: ["/usr/bin/other","%u"]}' "$scratch/said" || die "$(cat "$scratch/said")"
rm /etc/ssh/sshd_config.d/50-other.conf
printf 'AuthorizedKeysCommandUser nobody\n' >/etc/ssh/sshd_config.d/50-other.conf
refuses "verify %u %k %t as nobody, and that must be opksshuser"
grep -q "AuthorizedKeysCommandUser opksshuser" "$scratch/said" || die "$(cat "$scratch/said")"
rm /etc/ssh/sshd_config.d/50-other.conf
echo 'nonsense: yes' >/etc/opk/server.yml
chmod 640 /etc/opk/server.yml
refuses "server settings cannot be used"
echo 'fallback: {command: [/tmp/nothing-there]}' >/etc/opk/server.yml
refuses "the fallback of /etc/opk/server.yml would not be run"
rm /etc/opk/server.yml
echo 'rules: []' >/etc/opk/rules.yml
chmod 640 /etc/opk/rules.yml
refuses "opksshuser cannot read /etc/opk/rules.yml"
grep -qF "sudo chgrp opksshuser /etc/opk/rules.yml && sudo chmod 640" "$scratch/said" || die "$(cat "$scratch/said")"
rm /etc/opk/rules.yml
mkdir '/usr/local/a,b'
cp /usr/local/bin/opkssh '/usr/local/a,b/opkssh'
if '/usr/local/a,b/opkssh' server install >"$scratch/said" 2>&1; then die "installed from a,b"; fi
grep -q "cannot be told to sudo" "$scratch/said" || die "$(cat "$scratch/said")"
sed -i '/^Include/d' /etc/ssh/sshd_config
refuses "sshd_config does not include it"
sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config

echo "== where a sudoers file of the admin's is there, it stays"
printf '%s\n' '# opkssh' 'opksshuser ALL=(ALL) NOPASSWD: /usr/local/bin/opkssh readhome *' \
    >/etc/sudoers.d/opkssh
opkssh server install --no-sshd-reload >"$scratch/said" || die "$(cat "$scratch/said")"
grep -q "/etc/sudoers.d/opkssh is not ours and stays" "$scratch/said" || die "$(cat "$scratch/said")"
[ -e /etc/ssh/sshd_config.d/60-opkssh.conf ] || die "stopped half way: $(cat "$scratch/said")"
opkssh server uninstall --no-sshd-reload >/dev/null
grep -q '^# opkssh$' /etc/sudoers.d/opkssh || die "the admin's sudoers file is gone"
rm /etc/sudoers.d/opkssh

echo "== install, and again"
opkssh server install >"$scratch/said" || die "$(cat "$scratch/said")"
opkssh server install >"$scratch/said" || die "$(cat "$scratch/said")"
if grep -q Wrote "$scratch/said"; then die "the second time wrote: $(cat "$scratch/said")"; fi
is root:opksshuser:750 /etc/opk
is root:opksshuser:640 /etc/opk/providers
is root:opksshuser:640 /etc/opk/auth_id
is root:opksshuser:640 /etc/opk/config.yml
is root:opksshuser:750 /etc/opk/policy.d
is root:opksshuser:660 /var/log/opkssh.log
is opksshuser:opksshuser:700 /var/cache/opkssh
is root:root:440 /etc/sudoers.d/opkssh
is root:root:644 /etc/ssh/sshd_config.d/60-opkssh.conf
is root:root:644 /etc/systemd/system/opkssh-cache.timer
sshd -T | grep -q '^authorizedkeyscommand /usr/local/bin/opkssh verify %u %k %t$' || die "sshd -T"

echo "== a login"
echo "$issuer $client 24h" >/etc/opk/providers
opkssh add root alice@x.example "$issuer" >/dev/null
port=$(awk 'BEGIN { srand(); print 20000 + int(rand() * 12000) }')
"$(command -v sshd)" -D -E "$scratch/sshd.log" -p "$port" -o ListenAddress=127.0.0.1 -o PidFile=none &
sshd=$!
trap 'kill $sshd' EXIT
until grep -q "Server listening" "$scratch/sshd.log" 2>/dev/null; do
    kill -0 $sshd || die "sshd: $(cat "$scratch/sshd.log")"
done
for _ in 1 2; do
    ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -i "$key" -p "$port" root@127.0.0.1 \
        'echo in as root' || die "ssh: $(cat /var/log/opkssh.log "$scratch/sshd.log")"
done
grep -q "from the cache" /var/log/opkssh.log || die "no cache: $(cat /var/log/opkssh.log)"
opkssh server cache show | grep -q "$issuer: fetched .* fresh" || die "cache show"
for file in /var/cache/opkssh/*; do is opksshuser:opksshuser:600 "$file"; done

echo "== a login by the account's own rules, which only root can read"
useradd --create-home --home-dir /var/own --shell /bin/sh own
usermod --password "*" own
install -d -m 700 -o own -g own /var/own/.opk
echo "own alice@x.example $issuer" >/var/own/.opk/auth_id
chown own:own /var/own/.opk/auth_id
chmod 600 /var/own/.opk/auth_id
chmod 700 /var/own
ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -i "$key" -p "$port" own@127.0.0.1 \
    'echo in as own' || die "ssh: $(cat /var/log/opkssh.log "$scratch/sshd.log")"
grep -q "may become own by /var/own/.opk/auth_id line 1" /var/log/opkssh.log || die "$(cat /var/log/opkssh.log)"

echo "== uninstall, and again"
opkssh server uninstall --dry-run | grep -q "Would remove /etc/ssh/sshd_config.d/60-opkssh.conf" || die "rehearsal"
[ -e /etc/ssh/sshd_config.d/60-opkssh.conf ] || die "the rehearsal removed it"
opkssh server uninstall >/dev/null
opkssh server uninstall >/dev/null
for gone in /etc/ssh/sshd_config.d/60-opkssh.conf /etc/sudoers.d/opkssh /var/cache/opkssh \
    /etc/systemd/system/opkssh-cache.timer /etc/systemd/system/opkssh-cache.service; do
    [ ! -e $gone ] || die "$gone is left"
done
grep -q alice /etc/opk/auth_id || die "the rules are gone"
sshd -T | grep -q '^authorizedkeyscommand none$' || die "sshd -T after uninstall"

echo "== words that server.yml declares, for an sshd that knows them"
echo 'arguments: [connection, routing_domain]' >/etc/opk/server.yml
chown root:opksshuser /etc/opk/server.yml
chmod 640 /etc/opk/server.yml
drop_in() { # TEXT: its command
    opkssh server install --no-sshd-reload >"$scratch/said" || die "$(cat "$scratch/said")"
    grep -qx "AuthorizedKeysCommand /usr/local/bin/opkssh verify %u %k %t$1" \
        /etc/ssh/sshd_config.d/60-opkssh.conf || die "$(cat /etc/ssh/sshd_config.d/60-opkssh.conf "$scratch/said")"
}
case $("$(command -v sshd)" -V 2>&1) in
OpenSSH_[1-8].* | OpenSSH_9.[0-3]*)
    drop_in ""
    grep -q "%C and %D need OpenSSH 9.4" "$scratch/said" || die "$(cat "$scratch/said")"
    ;;
*) drop_in " %C %D" ;;
esac
mount --bind "$newer_sshd" /usr/sbin/sshd
drop_in " %C %D"
if grep -q warning "$scratch/said"; then die "$(cat "$scratch/said")"; fi
umount /usr/sbin/sshd
rm /etc/opk/server.yml
opkssh server uninstall --no-sshd-reload >/dev/null

echo "== where Go's drop-in is there, it stays"
printf 'AuthorizedKeysCommand /usr/local/bin/opkssh verify %%u %%k %%t\nAuthorizedKeysCommandUser opksshuser\n' \
    >/etc/ssh/sshd_config.d/60-opk-ssh.conf
opkssh server install | grep -q "sshd runs it already" || die "Go's drop-in"
[ ! -e /etc/ssh/sshd_config.d/60-opkssh.conf ] || die "a second drop-in"
opkssh server uninstall >/dev/null
[ -e /etc/ssh/sshd_config.d/60-opk-ssh.conf ] || die "Go's drop-in is gone"
echo "all is well"
