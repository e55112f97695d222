use super::*;

#[test]
fn files_are_named_as_go_names_them() {
    for (issuer, audience, name) in [
        (
            "https://accounts.google.com",
            "206584157355-7cbe4s640tvm7naoludob4ut1emii7sf.apps.googleusercontent.com",
            "accounts.google.com-206584157355-7cbe4s6",
        ),
        ("https://localhost:18443", "cid", "localhost_18443-cid"),
        ("https://a.b/c//d", "x y", "a.b_c_d-x_y"),
    ] {
        assert_eq!(file_name(issuer, audience), name);
    }
}

#[test]
fn a_name_with_somebody_elses_key_or_certificate_is_not_free() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("id_ecdsa");
    assert!(is_free(&key));
    fs::write(&key, "a key").unwrap();
    assert!(!is_free(&key));
    fs::write(beside(&key), "ssh-rsa AAAA openpubkey").unwrap();
    assert!(!is_free(&key));
    fs::remove_file(&key).unwrap();
    assert!(
        !is_free(&key),
        "a certificate without its key is somebody's"
    );
}
