use std::collections::BTreeMap;

use serde_json::json;

use super::*;

fn told(payload: &str, extra: &[&str]) -> Result<BTreeMap<String, String>, String> {
    let claims = Claims::parse(payload.as_bytes()).unwrap();
    let extra: Vec<String> = extra.iter().map(|&word| word.to_owned()).collect();
    let request = Request {
        principal: "dev",
        certificate: "AAAA",
        key_type: "t",
        extra: &extra,
        claims: &claims,
        payload: payload.as_bytes(),
        user_key: &PublicKey::Ed25519([0; 32]),
        pk_token: "a:b:c",
        id_token: "b.a.c",
        userinfo: None,
    };
    let plugin = Description::parse(b"name: p\ncommand: /bin/p 'a b'").unwrap();
    Ok(Variables::of(&request)?
        .with(&plugin)
        .map(|(name, value)| (name[PREFIX.len()..].to_owned(), value))
        .collect())
}

#[test]
fn row_122_odd_claims_are_passed_as_text() {
    let told = told(
        r#"{"iss":"i","sub":"s","jti":5,"nbf":1.5,"exp":7,"email_verified":"True","aud":["a","b"]}"#,
        &[],
    )
    .unwrap();
    for (name, value) in [
        ("ISS", "i"),
        ("JTI", "5"),
        ("NBF", "1.5"),
        ("EXP", "7"),
        ("IAT", ""),
        ("EMAIL", ""),
        ("EMAIL_VERIFIED", "true"),
        ("AUD", r#"["a","b"]"#),
        ("GROUPS", ""),
        ("EXTRA_ARGS", ""),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
}

#[test]
fn lists_are_json_whatever_is_in_them() {
    let told = told(
        r#"{"aud":["a\"b"],"groups":["x,\"y","\\"]}"#,
        &["-x", "a b\""],
    )
    .unwrap();
    assert_eq!(told["AUD"], r#"["a\"b"]"#);
    assert_eq!(told["GROUPS"], r#"["x,\"y","\\"]"#);
    assert_eq!(told["EXTRA_ARGS"], r#"["-x","a b\""]"#);
}

#[test]
fn row_123_a_nul_is_for_no_plugin() {
    let error = told(r#"{"sub":"a\u0000b"}"#, &[]).unwrap_err();
    assert!(error.to_string().contains("OPKSSH_PLUGIN_SUB"), "{error}");
    // base64 can represent it
    assert!(told(r#"{"other":"a\u0000b"}"#, &[]).is_ok());
}

#[test]
fn no_other_variable_is_taken_from_elsewhere() {
    for name in [
        "LD_PRELOAD",
        "OPKSSH_PLUGIN_",
        "OPKSSH_PLUGIN_X=",
        "opkssh_plugin_u",
        "",
    ] {
        let read: Result<Variables, _> = serde_json::from_value(json!([[name, "x"]]));
        assert_eq!(read.is_ok(), name == "OPKSSH_PLUGIN_", "{name}");
    }
    let read: Result<Variables, _> = serde_json::from_value(json!([["OPKSSH_PLUGIN_U", "a\0"]]));
    assert!(read.is_err());
}

#[test]
fn numbers_in_decimal() {
    assert_eq!(decimal(&[0, 0]), "0");
    assert_eq!(decimal(&[1, 0, 0]), "65536");
    assert_eq!(
        decimal(&[0xff; 16]),
        "340282366920938463463374607431768211455"
    );
}

#[test]
fn yaml_reads_back() {
    for text in [
        "plain words/and -x",
        "a: b",
        "a #b",
        "'q'",
        "\"q\"",
        "true",
        "12",
        "-",
        "- x",
        "-x",
        "a'b",
        "x:",
        "tab\there",
        "~",
        "0x1f",
        "1e3",
        "@x",
        "é",
    ] {
        let file = format!("name: {}\ncommand: /x\n", scalar(text));
        let read = Description::parse(file.as_bytes()).unwrap();
        assert_eq!(read.name, text, "{file}");
    }
    assert_eq!(scalar("/bin/p 'a: b'"), "'/bin/p ''a: b'''");
    assert_eq!(scalar("/bin/p 'a b'"), "/bin/p 'a b'");
}
