use serde_json::json;

use super::*;

fn request(alias: &str, account: Option<&str>) -> LoginRequest {
    let aliases: Vec<_> = alias.split_whitespace().collect();
    let request = json!({"providers": [{
        "aliases": aliases, "issuer": "https://id.example.com", "client_id": "client",
        "client_secret": "secret", "scopes": [], "access_type": "", "prompt": "",
        "redirect_uris": [], "send_access_token": false,
    }], "account": account});
    serde_json::from_value(request).unwrap()
}

/// Returns the arguments of "opkssh login" in the hint of a login that nobody finished in time.
fn said(alias: &str, account: Option<&str>, again: bool, device: bool) -> String {
    let mut request = request(alias, account);
    request.again = again;
    let error = match device {
        true => OidcError::CodeExpired.into(),
        false => LoginError::NobodyCame(std::time::Duration::from_secs(1)),
    };
    if device {
        request.flow = Flow::Device;
    }
    let hint = hint(&error, &request.providers[0], &request).unwrap();
    let (_, words) = hint.split_once("opkssh login ").unwrap();
    words.to_owned()
}

#[test]
fn hints_name_what_can_be_typed() {
    let typed = "--provider https://id.example.com,client";
    let named = format!("{typed} --as mine");
    for (alias, account, again, words) in [
        ("work", None, false, "work"),
        ("work", Some("work"), false, "work"),
        ("work", Some("mine"), false, "work --as mine"),
        ("work", Some("mine"), true, "mine"),
        ("", None, false, typed),
        ("", Some("mine"), false, &named),
        ("", Some("mine"), true, "mine"),
    ] {
        assert_eq!(said(alias, account, again, false), words);
        let device = format!("--device {words}");
        assert_eq!(said(alias, account, again, true), device);
    }
}

#[test]
fn what_the_agent_was_started_with_is_changed_by_a_restart() {
    let request = request("work", None);
    let host = || "id.example.com".to_owned();
    for source in [
        HttpError::Timeout { host: host() },
        HttpError::Unreachable {
            host: host(),
            cause: "no route".to_owned(),
        },
    ] {
        let what = "key set";
        let error = LoginError::Oidc(OidcError::Http { what, source });
        let hint = hint(&error, &request.providers[0], &request).unwrap();
        for words in ["HTTPS_PROXY", "SSL_CERT_FILE", "opkssh agent restart"] {
            assert!(hint.contains(words), "{hint}");
        }
    }
}
