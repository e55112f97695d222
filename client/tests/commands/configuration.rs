//! What reads and writes configuration files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use opkssh_client::{
    ConfigFile, ProviderListArgs, configure, create_config, is_configured, load_config,
    provider_list,
};

use crate::fake_daemon::Home;
use crate::{CONFIG, shown};

#[test]
fn the_provider_list_has_one_line_per_alias() {
    let home = Home::new();
    let args = ProviderListArgs::default();
    let error = provider_list(&args, &home.places, false, &mut Vec::new())
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("failed to read config file: "), "{error}");

    home.write(".opk/config.yml", CONFIG);
    assert_eq!(
        shown(|out| provider_list(&args, &home.places, false, out)),
        "work https://id.example.com\nw    https://id.example.com\nhome https://home.example.com\n"
    );
    assert_eq!(
        shown(|out| provider_list(&args, &home.places, true, out)),
        "Alias  Issuer\n-----  ------\nwork   https://id.example.com\n\
         w      https://id.example.com\nhome   https://home.example.com\n"
    );
    let twice = home.write("twice.yml", "providers: [{alias: a}, {alias: a}]\n");
    let args = ProviderListArgs {
        config_path: Some(twice),
    };
    let mut out = Vec::new();
    let error = provider_list(&args, &home.places, false, &mut out).unwrap_err();
    assert_eq!(error.to_string(), "duplicate provider alias found: a");
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), 2);
}

#[test]
fn the_configuration_is_looked_up_in_gos_place_first() {
    let home = Home::new();
    assert!(load_config(None, &home.places).unwrap().is_none());
    home.write("config/opkssh/config.yml", "default_provider: xdg\n");
    let default = || {
        load_config(None, &home.places)
            .unwrap()
            .unwrap()
            .default_provider
    };
    assert_eq!(default().as_deref(), Some("xdg"));
    home.write(".opk/config.yml", "\u{feff}default_provider: go\n");
    assert_eq!(default().as_deref(), Some("go"));
    home.write(".opk/config.yml", "providers: 5\n");
    assert!(
        load_config(None, &home.places).is_err(),
        "a broken file is not passed over"
    );
}

#[test]
fn the_default_configuration_is_created_once() {
    let home = Home::new();
    let file = home.path().join(".opk/config.yml");
    let create =
        |explicit: Option<PathBuf>| create_config(explicit.as_deref(), &home.places).unwrap();
    assert_eq!(create(None), ConfigFile::Created(file.clone()));
    let config = load_config(None, &home.places).unwrap().unwrap();
    assert_eq!(config.providers.len(), 4);
    std::fs::write(&file, "mine").unwrap();
    assert_eq!(create(None), ConfigFile::Exists(file.clone()));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
    let other = home.path().join("a/b.yml");
    assert_eq!(create(Some(other.clone())), ConfigFile::Created(other));
}

#[test]
fn configure_includes_the_directory_once_and_keeps_the_rest() {
    let home = Home::new();
    let main = home.write(".ssh/config", "# Include ~/.ssh/opkssh/config\nHost x\n");
    std::fs::set_permissions(&main, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(!is_configured(&home.places));
    for _ in 0..2 {
        configure(&home.places).unwrap();
        assert!(is_configured(&home.places));
        assert_eq!(
            std::fs::read_to_string(&main).unwrap(),
            "Include ~/.ssh/opkssh/config\n\n# Include ~/.ssh/opkssh/config\nHost x\n"
        );
    }
    let mode = |name: &str| {
        std::fs::metadata(home.path().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(".ssh/config"), 0o640);
    assert_eq!(mode(".ssh/opkssh"), 0o700);
    assert_eq!(mode(".ssh/opkssh/config"), 0o600);
}
