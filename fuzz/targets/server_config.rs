//! The server configuration `config.yml`.

use opkssh_server::config::ServerConfig;

pub fn run(bytes: &[u8]) {
    let _ = ServerConfig::parse(bytes);
}
