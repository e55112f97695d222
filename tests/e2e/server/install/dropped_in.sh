# A server that was set up for Go's opkssh, with our program put in its place and nothing else done:
# verify keeps the providers' keys in a directory of its own.
install -m 755 "$program" /usr/local/bin/opkssh
groupadd --system opksshuser 2>/dev/null || true
useradd --system --gid opksshuser --no-create-home --shell /usr/sbin/nologin opksshuser 2>/dev/null || true
mkdir -m 755 /etc/opk
mkdir -m 750 /etc/opk/policy.d
echo "$issuer $client 24h" >/etc/opk/providers
echo "root alice@x.example $issuer" >/etc/opk/auth_id
touch /var/log/opkssh.log
chown root:opksshuser /etc/opk/* /var/log/opkssh.log
chmod 640 /etc/opk/auth_id /etc/opk/providers
chmod 660 /var/log/opkssh.log
printf 'AuthorizedKeysCommand /usr/local/bin/opkssh verify %%u %%k %%t\nAuthorizedKeysCommandUser opksshuser\n' \
    >/etc/ssh/sshd_config.d/60-opk-ssh.conf
uid=$(id -u opksshuser)
own=/var/tmp/opkssh-$uid
rm -rf "$own"
log_has() { grep -q -- "$1" /var/log/opkssh.log || die "not in the log: $1: $(cat /var/log/opkssh.log)"; }

echo "== somebody else made the directory"
mkdir -m 777 "$own"
start_sshd
log_in "$key" root 'echo in although'
log_has "warning: keys are not cached: $own belongs to uid 0"
[ -z "$(ls "$own")" ] || die "keys in a directory of others: $(ls -l "$own")"
rmdir "$own"
ln -s /etc/opk "$own"
: >/var/log/opkssh.log
log_in "$key" root 'echo in although'
log_has "warning: keys are not cached: $own is not a directory"
rm "$own"

echo "== another user made it, with the right mode"
useradd --no-create-home mallory
runuser -u mallory -- mkdir -m 700 "$own"
: >/var/log/opkssh.log
log_in "$key" root 'echo in although'
log_has "warning: keys are not cached: $own belongs to uid $(id -u mallory)"
opkssh audit --skip-user-policy >"$scratch/said" 2>&1 || true
if grep -q "cache: $own" "$scratch/said"; then die "audit: $(cat "$scratch/said")"; fi
if opkssh server cache show >"$scratch/said" 2>&1; then die "shown: $(cat "$scratch/said")"; fi
if grep -q "$own" "$scratch/said"; then die "cache show: $(cat "$scratch/said")"; fi
opkssh server uninstall --no-sshd-reload >/dev/null
[ -d "$own" ] || die "uninstall removed what is mallory's"
rmdir "$own"

echo "== an account that may be shared makes none"
runuser -u daemon -- opkssh verify root AAAA ssh-ed25519-cert-v01@openssh.com >/dev/null 2>&1 || true
runuser -u daemon -- opkssh explain root "$key-cert.pub" >/dev/null 2>&1 || true
[ ! -e /var/tmp/opkssh-1 ] || die "daemon made one"
opkssh explain root "$key-cert.pub" >/dev/null || die "explain"
[ ! -e /var/tmp/opkssh-0 ] || die "root made one"
[ ! -e "$own" ] || rm -r "$own"

echo "== its own"
for _ in 1 2 3; do log_in "$key" root 'echo in by its own cache'; done
is opksshuser:opksshuser:700 "$own"
for file in "$own"/*; do is opksshuser:opksshuser:600 "$file"; done
opkssh server cache show >"$scratch/said"
grep -q "cache: $own" "$scratch/said" || die "$(cat "$scratch/said")"
opkssh audit --skip-user-policy >"$scratch/said" 2>&1 || true
grep -qx "key cache: $own" "$scratch/said" || die "$(cat "$scratch/said")"
! grep -qF '\n' "$scratch/said" || die "$(cat "$scratch/said")"
grep -q "not confined" /var/log/opkssh.log && die "$(cat /var/log/opkssh.log)"

echo "== not where other programs run as the same account"
printf '#!/bin/sh\n' >/usr/local/bin/keys
chmod 755 /usr/local/bin/keys
echo 'fallback: {command: [/usr/local/bin/keys]}' >/etc/opk/server.yml
chown root:opksshuser /etc/opk/server.yml
chmod 640 /etc/opk/server.yml
: >/var/log/opkssh.log
log_in "$key" root 'echo in without a cache'
log_has "warning: keys are not cached: plugins and the fallback could write to"
opkssh audit --skip-user-policy >"$scratch/said" 2>&1 || true
grep -q "sudo opkssh server install" "$scratch/said" || die "$(cat "$scratch/said")"
rm /etc/opk/server.yml
# a plugin that is broken now may have run before
echo 'name: x' >/etc/opk/policy.d/broken.yml
chown root:opksshuser /etc/opk/policy.d /etc/opk/policy.d/broken.yml
chmod 640 /etc/opk/policy.d/broken.yml
: >/var/log/opkssh.log
log_in "$key" root 'echo in without a cache'
log_has "warning: keys are not cached: plugins and the fallback could write to"
rm /etc/opk/policy.d/broken.yml

echo "== with the groups of its account, as sshd runs verify"
groupadd --system opk-readers
usermod --append --groups opk-readers opksshuser
chgrp opk-readers /etc/opk/providers
opkssh server check || die "a file of a supplementary group"
chgrp opksshuser /etc/opk/providers
groupdel opk-readers

echo "== the one that install makes comes first, and uninstall removes both"
opkssh server install --no-sshd-reload >/dev/null
opkssh server cache show | grep -q "cache: /var/cache/opkssh" || die "cache show"
opkssh server uninstall --no-sshd-reload >/dev/null
[ ! -e "$own" ] || die "$own is left"
echo "all is well"
