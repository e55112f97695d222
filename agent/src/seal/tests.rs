use super::*;

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

#[test]
fn only_the_right_password_opens_and_damage_is_noticed() {
    let key = SealKey::generate();
    let sealed = key.recipient().seal(&secret("a refresh token")).unwrap();
    assert!(is_sealed(&sealed) && !sealed.contains("token"));
    assert_eq!(key.open(&sealed).unwrap().expose(), "a refresh token");

    let wrapped = key.wrap(&secret("pass")).unwrap();
    let again = SealKey::unwrap(&wrapped, &secret("pass")).unwrap();
    assert_eq!(again.open(&sealed).unwrap().expose(), "a refresh token");
    assert_eq!(again.recipient().to_string(), key.recipient().to_string());
    let refused = SealKey::unwrap(&wrapped, &secret("Pass")).err();
    assert_eq!(refused, Some(SealError::WrongPassword));

    let other = SealKey::generate();
    assert_eq!(other.open(&sealed).err(), Some(SealError::WrongPassword));
    let cut = &sealed[..sealed.len() / 2];
    assert!(key.open(cut).is_err());
    assert_eq!(key.open("{}").err(), Some(SealError::Damaged));
    assert!(SealRecipient::parse("age1").is_err());
}
