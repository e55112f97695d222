//! Keys of the configuration that have no effect.

use std::fs;

use opkssh_test_support::{Part, ProviderOptions, left_out};

use crate::setup::{Setup, status};

#[test]
fn an_unknown_key_is_warned_of_at_the_login_and_in_status() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(ProviderOptions::default(), &["host: [localhost]"]);
    let warning = "unknown key host is ignored; did you mean hosts?";
    let said = setup.login(&[]);
    assert!(said.contains(warning), "{said}");
    assert!(said.contains(".opk/config.yml:"), "{said}");
    let notices = status(&setup.home)["notices"].to_string();
    assert!(notices.contains(warning), "{notices}");

    let file = setup.home.dir().join(".opk/config.yml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("host:", "hosts:")).unwrap();
    assert_eq!(status(&setup.home)["notices"], serde_json::json!([]));
}
