//! An entry of the key cache, which decides who gets in.

use opkssh_server::key_source::Entry;

const ISSUER: &str = "https://issuer.example.com";

pub fn run(bytes: &[u8]) {
    let Ok((entry, keys)) = Entry::read(bytes, ISSUER) else {
        return;
    };
    assert_eq!(entry.issuer, ISSUER);
    assert!(!keys.is_empty());
    // what is written is read back as it was
    let (again, _) = Entry::read(&entry.write(), ISSUER).expect("written by ourselves");
    assert_eq!(again, entry);
}
