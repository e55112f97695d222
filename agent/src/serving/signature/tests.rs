use super::super::made::{Key, strings};
use super::*;

fn rsa(bytes: usize) -> Vec<u8> {
    let mut n = vec![0xff; bytes];
    n.insert(0, 0);
    strings(&[b"ssh-rsa", &[1, 0, 1], &n])
}

/// By ssh-keygen: `data` signed as `ssh-keygen -Y sign -n test` does.
#[test]
fn signatures_of_openssh_verify() {
    use base64::Engine as _;
    let bytes = |text: &str| {
        let base64 = base64::engine::general_purpose::STANDARD;
        base64.decode(text).unwrap()
    };
    let data = bytes(
        "U1NIU0lHAAAABHRlc3QAAAAAAAAABnNoYTUxMgAAAEB3x86aXYa7OG1EO7ljkPqhIGMxWGmciETDCxOrC/knYLfk\
         QWrqOX25G0rA5d1WuO9+SwZhYqsf3AiDGc5t78h2",
    );
    for (key, signature) in [
        (
            "AAAAC3NzaC1lZDI1NTE5AAAAIEsbuXXgLEkW2qdGO2foApinJDfmcSM/QXe/NT4gaTYh",
            "AAAAC3NzaC1lZDI1NTE5AAAAQKJNYpoq2BTbm26GlGpI17LvbUj0QDQgsPLM0XRd9VNj1QbqqLxkw7usRwnh\
             HGlYey7CYXZ8tfA27jg9geMjwAU=",
        ),
        (
            "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBIgmtG+YTExsOkS+7qauCcmZHK+YC80L\
             WbYjRGSMXje978iYC2+BWYYx1Ht0T/2Wy+Wxhxtt9TM0lPQaVb9Xw6M=",
            "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAABJAAAAIH13k70fxxdHRzpOMPNiMJUSSUuzNlM6oIue54gtbjH5\
             AAAAIQDrhJSKujCG48nUh+XQsynGy9Ru7VBb+3/HsN8cGa45+A==",
        ),
        (
            "AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBNm/ftXoMnAFLgt1TLPnFr5QOYgM7K2x\
             QsYcJut1TKUn2Lxwo3fMgL7RZgKFvu7jW2F2+h2VEb7/TDU1rR57eK4HuqogT/lTIAEZ5u2uKnpBc7YH6FhU\
             YkSAUFhKpunb9Q==",
            "AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAABpAAAAMFSQC8cLHeiDWfizYI/7H9yChYVwa2NJoVXEys8VJW34\
             EPzmee84nuo8T1wPZUtq0gAAADEA1ypKvvKLEXQwSZyrH2XicPQaALnx9YIM7ixLUgp1C0YJ0CNJBXtGbjpg\
             TIs93l1l",
        ),
        (
            "AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAFVTWOavJoo2SY6ZLL35TGlR1m3kW/k\
             1VubFwYn9/5FHaUht/u5wxrhdyUPWyCtXXMaX7opdtkqG3myH3VLhj7j5gH9gr4NhXGr3Y4eSj21y+qPX1QP\
             r9pMOrVjgDwRcDDZXZixKhGEGnIvImatSlQdJvHoq1E0YsY1DB9xR9A187J/Bw==",
            "AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAACLAAAAQgE/BfVXWr7m2BS6q6H0w1Tg96slT3WkHblbpzIH6SSs\
             LOoD8rNHlAwO8zyXgtR3FvLuHk8TUnt78gJlE7UN4SPmNAAAAEF5dx5tjRmdeiWQAJN5NR8g9RyUyFWF6T44\
             NMvuMNi+If/eGYYYlyaPc2XKk1IlGbRb3DYreXttQujHX7kWMWz0pA==",
        ),
    ] {
        let (key, mut signature) = (bytes(key), bytes(signature));
        assert_eq!(has_signed(&key, &data, &signature), Ok(true));
        assert_eq!(has_signed(&key, &data[1..], &signature), Ok(false));
        *signature.last_mut().unwrap() ^= 1;
        assert_eq!(has_signed(&key, &data, &signature), Ok(false));
    }
}

/// PROTOCOL.u2f
#[test]
fn a_security_key_signs_with_flags_and_counter() {
    const TYPE: &[u8] = b"sk-ssh-ed25519@openssh.com";
    const FLAGS_AND_COUNTER: [u8; 5] = [1, 0, 0, 0, 9];
    let hash = |data| ring::digest::digest(&ring::digest::SHA256, data);
    let key = Key::ed25519();
    let signed = [
        hash(b"ssh:").as_ref(),
        &FLAGS_AND_COUNTER,
        hash(b"data").as_ref(),
    ]
    .concat();
    let plain = key.sign(&signed);
    let (_, signature) = read_signature(&plain).unwrap();
    let signature = [&strings(&[TYPE, signature])[..], &FLAGS_AND_COUNTER].concat();
    let blob = key.blob();
    let public = &blob[blob.len() - 32..];
    let blob = strings(&[TYPE, public, b"ssh:"]);
    assert_eq!(has_signed(&blob, b"data", &signature), Ok(true));
    assert_eq!(has_signed(&blob, b"date", &signature), Ok(false));
    let elsewhere = strings(&[TYPE, public, b"web:"]);
    assert_eq!(has_signed(&elsewhere, b"data", &signature), Ok(false));
}

#[test]
fn what_nothing_here_can_check_is_neither_good_nor_bad() {
    let sha2 = strings(&[b"rsa-sha2-512", b"signature"]);
    let sha1 = strings(&[b"ssh-rsa", b"signature"]);
    for (key, signature, expected) in [
        (rsa(256), &sha2, Ok(false)),
        (rsa(1024), &sha2, Ok(false)),
        (rsa(1025), &sha2, Err(Unverifiable::RsaSize)),
        (rsa(128), &sha2, Err(Unverifiable::RsaSize)),
        (rsa(256), &sha1, Err(Unverifiable::Sha1)),
        (
            strings(&[b"unknown@example.com", b"key"]),
            &sha2,
            Err(Unverifiable::KeyType),
        ),
        (
            strings(&[b"ssh-ed448", b"key"]),
            &sha2,
            Err(Unverifiable::KeyType),
        ),
        (
            strings(&[b"ssh-mldsa-65", b"key"]),
            &sha2,
            Err(Unverifiable::KeyType),
        ),
        (strings(&[b"ssh-ed25519", b"short"]), &sha2, Ok(false)),
        (strings(&[b"", b"key"]), &sha2, Ok(false)),
        (b"".to_vec(), &sha2, Ok(false)),
        (rsa(256), &b"".to_vec(), Ok(false)),
    ] {
        assert_eq!(has_signed(&key, b"data", signature), expected);
    }
}
