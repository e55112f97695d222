//! The server's own settings, `server.yml`.

use opkssh_server::settings::Settings;

pub fn run(bytes: &[u8]) {
    let Ok(settings) = Settings::parse(bytes) else {
        return;
    };
    assert!(settings.jwks_files.values().all(|path| path.is_absolute()));
    if let Some(fallback) = settings.fallback {
        assert!(fallback.program.is_absolute());
    }
}
