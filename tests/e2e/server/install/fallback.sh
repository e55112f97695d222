# Servers on which keys of another command must go on working: each ends with a login by the
# fallback's key and one by us.
install -m 755 "$program" /usr/local/bin/opkssh
ssh-keygen -q -t ed25519 -N '' -f "$scratch/plain"
mkdir -m 755 /usr/local/lib/keys
cp "$scratch/plain.pub" /usr/local/lib/keys/root
printf '#!/bin/sh\ncat "/usr/local/lib/keys/$1"\n' >/usr/local/lib/keys/print
chmod 755 /usr/local/lib/keys/print
fallback='fallback: {command: [/usr/local/lib/keys/print, "%u"]}'

both_ways() { # NAME
    echo "$issuer $client 24h" >>/etc/opk/providers
    opkssh add root alice@x.example "$issuer" >/dev/null
    start_sshd
    log_in "$scratch/plain" root "echo $1: in by the fallback"
    log_in "$key" root "echo $1: in by us"
    opkssh permissions check >"$scratch/said" || die "$1: $(cat "$scratch/said")"
    kill $sshd
    wait $sshd || true
    trap - EXIT
    if [ "$1" != go ]; then
        if opkssh server uninstall >"$scratch/said" 2>&1; then die "$1: the fallback is gone"; fi
        grep -q "would stop working" "$scratch/said" || die "$1: $(cat "$scratch/said")"
        grep -q "server uninstall --drop-fallback" "$scratch/said" || die "$1: $(cat "$scratch/said")"
    fi
    opkssh server uninstall --drop-fallback >/dev/null
    rm -rf /etc/opk /etc/ssh/sshd_config.d/*opk* /etc/sudoers.d/opkssh /var/log/opkssh.log
}

echo "== a clean Debian"
opkssh server install >/dev/null
(umask 077 && echo "$fallback" >/etc/opk/server.yml)
# only root can read it now: audit and permissions say so, and install mends it
if opkssh permissions check >"$scratch/said"; then die "permissions: $(cat "$scratch/said")"; fi
grep -q "Problem: /etc/opk/server.yml: " "$scratch/said" || die "$(cat "$scratch/said")"
opkssh audit --offline --skip-user-policy >"$scratch/said" 2>&1 || true
grep -q "/etc/opk/server.yml (opksshuser cannot read it" "$scratch/said" || die "$(cat "$scratch/said")"
opkssh server install >/dev/null
both_ways clean

echo "== umask 027 and a directory made by hand"
(umask 027 && mkdir /etc/opk && echo "$fallback" >/etc/opk/server.yml)
is root:root:750 /etc/opk
is root:root:640 /etc/opk/server.yml
opkssh permissions check >"$scratch/said" || true
grep -q "Problem: /etc/opk: opksshuser cannot enter it" "$scratch/said" || die "$(cat "$scratch/said")"
(umask 027 && opkssh server install >"$scratch/said" 2>&1) || die "$(cat "$scratch/said")"
is root:opksshuser:750 /etc/opk
is root:opksshuser:640 /etc/opk/server.yml
both_ways umask

echo "== Go's opkssh, set up as its installer does"
mkdir -m 750 /etc/opk /etc/opk/policy.d
touch /etc/opk/auth_id /etc/opk/providers /etc/opk/config.yml /var/log/opkssh.log
chown root:opksshuser /etc/opk/* /var/log/opkssh.log
chmod 640 /etc/opk/auth_id /etc/opk/providers /etc/opk/config.yml
chmod 660 /var/log/opkssh.log
chgrp root /etc/opk/policy.d
chmod 755 /etc/opk
printf 'AuthorizedKeysCommand /usr/local/bin/opkssh verify %%u %%k %%t\nAuthorizedKeysCommandUser opksshuser\n' \
    >/etc/ssh/sshd_config.d/60-opk-ssh.conf
printf 'opksshuser ALL=(ALL) NOPASSWD: /usr/local/bin/opkssh readhome *\n' >/etc/sudoers.d/opkssh
chmod 440 /etc/sudoers.d/opkssh
echo "$fallback" >/etc/opk/server.yml
chmod 640 /etc/opk/server.yml
opkssh server install >"$scratch/said" 2>&1 || die "$(cat "$scratch/said")"
both_ways go
echo "all is well"
