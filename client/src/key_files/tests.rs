use super::*;

/// Made by ssh-keygen until the private scalar began with a zero byte, which ssh-key refuses.
const SHORT_SCALAR: &str = include_str!("../../../tests/fixtures/ecdsa_short_scalar");

#[test]
fn a_short_private_scalar_does_not_matter() {
    let public = include_str!("../../../tests/fixtures/ecdsa_short_scalar.pub");
    let public = PublicKey::from_openssh(public).unwrap();
    let read = public_half(SHORT_SCALAR).unwrap();
    assert_eq!(read.key_data(), public.key_data());
}

#[test]
fn what_is_no_key_is_refused() {
    let cut = &SHORT_SCALAR[..SHORT_SCALAR.len() / 2];
    for wrong in ["", "-----BEGIN PRIVATE KEY-----\n", cut] {
        let error = public_half(wrong).unwrap_err();
        assert!(error.contains("not a private key"), "{error}");
    }
}
