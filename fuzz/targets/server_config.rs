//! The server configuration `config.yml`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use opkssh_server::config::ServerConfig;

fuzz_target!(|bytes: &[u8]| {
    let _ = ServerConfig::parse(bytes);
});
