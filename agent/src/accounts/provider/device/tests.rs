use serde_json::{Value, json};

use super::*;

fn check(changed: Value) -> Result<DeviceGrant, String> {
    let mut answer = json!({
        "device_code": "secret",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://id.example.com/device",
        "verification_uri_complete": "https://id.example.com/device?user_code=WDJB-MJHT",
        "expires_in": 600,
    });
    for (name, value) in changed.as_object().unwrap() {
        answer[name] = value.clone();
    }
    let grant = DeviceGrant(serde_json::from_value(answer).unwrap());
    let checked = grant.check("https://id.example.com");
    checked.map(|()| grant).map_err(|error| error.to_string())
}

#[test]
fn a_person_is_sent_to_https_only() {
    assert!(check(json!({})).is_ok());
    for name in ["verification_uri", "verification_uri_complete"] {
        for address in [
            "http://id.example.com/device",
            "http://localhost/x",
            "file:///etc",
        ] {
            let mut changed = json!({});
            changed[name] = address.into();
            let error = check(changed).err().unwrap();
            assert!(error.contains(address), "{error}");
        }
    }
}

#[test]
fn numbers_of_the_provider_are_bounded() {
    assert!(check(json!({"interval": 0})).is_ok());
    assert!(check(json!({"interval": 61})).is_err());
    assert!(check(json!({"interval": u64::MAX})).is_err());
    let grant = check(json!({"expires_in": u64::MAX})).ok().unwrap();
    assert_eq!(grant.expires_in(), LONGEST_WAIT);
}
