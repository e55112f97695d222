echo "== a program that sshd would not run"
mkdir -m 777 "$scratch/open"
cp "$program" "$scratch/open/opkssh"
if "$scratch/open/opkssh" server install >"$scratch/said" 2>&1; then die "installed from there"; fi
grep -q "sshd would not run" "$scratch/said" || die "$(cat "$scratch/said")"

install -m 755 "$program" /usr/local/bin/opkssh

echo "== where sshd does not run, its directory may be missing"
rmdir /run/sshd
opkssh server install --dry-run >"$scratch/said" 2>&1 || die "$(cat "$scratch/said")"
[ ! -e /run/sshd ] || die "/run/sshd is left"
mkdir /run/sshd

echo "== a rehearsal"
opkssh server install --dry-run >"$scratch/said"
[ "$(wc -l <"$scratch/said")" -le 20 ] || die "long: $(cat "$scratch/said")"
if grep -q "accounts.google.com" "$scratch/said"; then die "contents: $(cat "$scratch/said")"; fi
opkssh server install --dry-run --verbose >"$scratch/said"
grep -q "Would write /etc/opk/providers (mode 640, root:opksshuser)" "$scratch/said" || die "$(cat "$scratch/said")"
grep -q "^    https://accounts.google.com " "$scratch/said" || die "the providers are not shown: $(cat "$scratch/said")"
grep -q "Would write /var/cache/opkssh (mode 700, opksshuser:opksshuser)" "$scratch/said" || die "$(cat "$scratch/said")"
grep -q "AuthorizedKeysCommand /usr/local/bin/opkssh verify" "$scratch/said" || die "$(cat "$scratch/said")"
[ ! -e /etc/opk ] || die "the rehearsal wrote /etc/opk"

echo "== a rehearsal without root"
rehearse() { # as another user
    setpriv --reuid=65534 --regid=65534 --clear-groups -- opkssh server install "$@" >"$scratch/said" 2>&1
}
rehearse --dry-run || die "$(cat "$scratch/said")"
grep -qx "Would make the system account and group opksshuser." "$scratch/said" || die "$(cat "$scratch/said")"
grep -q "Would write /etc/ssh/sshd_config.d/60-opkssh.conf" "$scratch/said" || die "$(cat "$scratch/said")"
grep -qx "Not looked at without root: sshd's configuration" "$scratch/said" || die "$(cat "$scratch/said")"
if rehearse; then die "installed without root"; fi
[ ! -e /etc/opk ] || die "the rehearsal wrote /etc/opk"

echo "== refusals"
echo 'Nonsense yes' >/etc/ssh/sshd_config.d/90-broken.conf
refuses "has an error, and nothing was changed"
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
chown nobody /etc/opk/rules.yml
chmod 600 /etc/opk/rules.yml
refuses "/etc/opk/rules.yml: opksshuser cannot read it"
grep -qF "sudo chown root:opksshuser /etc/opk/rules.yml && sudo chmod 640" "$scratch/said" || die "$(cat "$scratch/said")"
rm /etc/opk/rules.yml
chmod 700 /etc
refuses "/etc: opksshuser cannot enter it"
grep -qF "sudo chmod o+x /etc" "$scratch/said" || die "$(cat "$scratch/said")"
chmod 755 /etc
chmod 777 /etc/opk
refuses "/etc/opk can be changed by accounts other than root"
grep -qF "review its contents" "$scratch/said" || die "$(cat "$scratch/said")"
chmod 750 /etc/opk
printf '#!/bin/sh\n' >/usr/local/bin/keys
chmod 700 /usr/local/bin/keys
echo 'fallback: {command: [/usr/local/bin/keys]}' >/etc/opk/server.yml
chmod 640 /etc/opk/server.yml
refuses "/usr/local/bin/keys cannot be run by this account"
opkssh audit --offline >"$scratch/said" 2>&1 || true
grep -q "/usr/local/bin/keys cannot be run" "$scratch/said" || die "audit: $(cat "$scratch/said")"
printf '#!/nonexistent/python\n' >/usr/local/bin/keys
chmod 755 /usr/local/bin/keys
refuses "there is no /nonexistent/python"
rm /etc/opk/server.yml /usr/local/bin/keys
mkdir '/usr/local/a,b'
cp /usr/local/bin/opkssh '/usr/local/a,b/opkssh'
if '/usr/local/a,b/opkssh' server install >"$scratch/said" 2>&1; then die "installed from a,b"; fi
grep -q "contains characters that sudo, sshd or systemd interpret" "$scratch/said" || die "$(cat "$scratch/said")"
sed -i '/^Include/d' /etc/ssh/sshd_config
refuses "sshd_config does not include it"
sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config

echo "== where a sudoers file of the admin's is there, it stays"
printf '%s\n' '# opkssh' 'opksshuser ALL=(ALL) NOPASSWD: /usr/local/bin/opkssh readhome *' \
    >/etc/sudoers.d/opkssh
opkssh server install --no-sshd-reload >"$scratch/said" || die "$(cat "$scratch/said")"
grep -q "/etc/sudoers.d/opkssh was not written by opkssh and stays" "$scratch/said" || die "$(cat "$scratch/said")"
[ -e /etc/ssh/sshd_config.d/60-opkssh.conf ] || die "stopped half way: $(cat "$scratch/said")"
opkssh server uninstall --no-sshd-reload >/dev/null
grep -q '^# opkssh$' /etc/sudoers.d/opkssh || die "the admin's sudoers file is gone"
rm /etc/sudoers.d/opkssh

echo "== copies of our own files that an admin made, and a log that only root can write"
mkdir -p /etc/logrotate.d
printf '# mine\n/var/log/opkssh.log {\n    daily\n}\n' >/etc/logrotate.d/opkssh
chmod 600 /var/log/opkssh.log
chgrp root /var/log/opkssh.log
opkssh server install --no-sshd-reload >"$scratch/said" || die "$(cat "$scratch/said")"
grep -q "/etc/logrotate.d/opkssh was not written by opkssh and stays" "$scratch/said" || die "$(cat "$scratch/said")"
is root:opksshuser:660 /var/log/opkssh.log
opkssh server uninstall --no-sshd-reload >/dev/null
grep -q '^# mine$' /etc/logrotate.d/opkssh || die "the admin's logrotate file is gone"
rm /etc/logrotate.d/opkssh

echo "== install, and again"
opkssh server install >"$scratch/said" || die "$(cat "$scratch/said")"
opkssh server install >"$scratch/said" || die "$(cat "$scratch/said")"
if grep -q Wrote "$scratch/said"; then die "the second time wrote: $(cat "$scratch/said")"; fi
rehearse --dry-run || die "$(cat "$scratch/said")"
grep -q "^Not looked at without root: sshd's configuration, /etc/opk/server.yml, .*/etc/sudoers.d/opkssh" \
    "$scratch/said" || die "$(cat "$scratch/said")"
if grep -q "Would write" "$scratch/said"; then die "guessed: $(cat "$scratch/said")"; fi
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

echo "== settings of sshd that would refuse certificates"
echo 'PubkeyAcceptedAlgorithms ssh-ed25519,ssh-ed25519-cert-v01@openssh.com' \
    >/etc/ssh/sshd_config.d/10-algorithms.conf
lacks='PubkeyAcceptedAlgorithms lacks ecdsa-sha2-nistp256-cert-v01@openssh.com'
opkssh server install | grep -q "warning: $lacks" || die "install does not warn"
opkssh audit --offline >"$scratch/said" 2>&1 || true
grep -q "$lacks" "$scratch/said" || die "audit: $(cat "$scratch/said")"
rm /etc/ssh/sshd_config.d/10-algorithms.conf

echo "== a login"
echo "$issuer $client 24h" >/etc/opk/providers
opkssh add root alice@x.example "$issuer" >/dev/null
start_sshd
for _ in 1 2; do log_in "$key" root 'echo in as root'; done
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
log_in "$key" own 'echo in as own'
grep -q 'account=own rule="/var/own/.opk/auth_id line 1"' /var/log/opkssh.log || die "$(cat /var/log/opkssh.log)"

echo "== uninstall where sshd would refuse its configuration"
opkssh server uninstall --dry-run >/dev/null
cp /etc/ssh/sshd_config "$scratch/good"
echo 'Nonsense yes' >>/etc/ssh/sshd_config
if opkssh server uninstall >"$scratch/said" 2>&1; then die "said nothing of sshd"; fi
grep -q "the running sshd still runs opkssh" "$scratch/said" || die "$(cat "$scratch/said")"
grep -q "run: sudo opkssh server uninstall" "$scratch/said" || die "$(cat "$scratch/said")"
for gone in /etc/ssh/sshd_config.d/60-opkssh.conf /etc/sudoers.d/opkssh /var/cache/opkssh; do
    [ ! -e $gone ] || die "$gone is left"
done
cp "$scratch/good" /etc/ssh/sshd_config
opkssh server uninstall >"$scratch/said" || die "$(cat "$scratch/said")"
grep -q "make it read its configuration" "$scratch/said" || die "not reloaded: $(cat "$scratch/said")"
opkssh server install --no-sshd-reload >/dev/null

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
