//! One program for all targets, so that it is linked once: `OPKSSH_FUZZ_TARGET` names the one to run.

#![no_main]

mod certificate;
mod discovery;
mod id_token;
mod inspect;
mod key_cache_entry;
mod key_set;
mod monitor_messages;
mod pk_token;
mod plugin_description;
mod policy_files;
mod revoked;
mod rules;
mod server_config;
mod settings;
mod userinfo;

use std::sync::LazyLock;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 15] = [
    ("certificate", certificate::run),
    ("discovery", discovery::run),
    ("id_token", |bytes| text(bytes, id_token::run)),
    ("inspect", |bytes| text(bytes, inspect::run)),
    ("key_cache_entry", key_cache_entry::run),
    ("key_set", key_set::run),
    ("monitor_messages", monitor_messages::run),
    ("pk_token", |bytes| text(bytes, pk_token::run)),
    ("plugin_description", plugin_description::run),
    ("policy_files", policy_files::run),
    ("revoked", revoked::run),
    ("rules", rules::run),
    ("server_config", server_config::run),
    ("settings", settings::run),
    ("userinfo", userinfo::run),
];

static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("OPKSSH_FUZZ_TARGET").expect("OPKSSH_FUZZ_TARGET names a target");
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("no target {wanted}")).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| CHOSEN(bytes));

/// What only takes text is spared the rest.
fn text(bytes: &[u8], run: fn(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        run(text);
    }
}
