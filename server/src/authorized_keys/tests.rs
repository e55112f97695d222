use super::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA";

fn line(principals: &[&str], key: &str) -> Result<String, UnsafeLine> {
    let principals: Vec<String> = principals.iter().map(|p| (*p).to_owned()).collect();
    AuthorizedKey::from_parts(&principals, key).map(|key| {
        let mut out = Vec::new();
        write(&key, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    })
}

#[test]
fn the_line_is_gos() {
    assert_eq!(
        line(&["p1", "p2"], KEY).unwrap(),
        "cert-authority,principals=\"p1,p2\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA\n"
    );
}

#[test]
fn row_17_no_principals() {
    assert_eq!(line(&[], KEY).unwrap(), format!("cert-authority {KEY}\n"));
}

#[test]
fn row_19_and_20_nothing_gets_out_of_the_quotes() {
    for bad in ["", "a\"", "a,b", "a b", "a\nb", "a\\", "-a", "ü"] {
        assert_eq!(
            line(&["ok", bad], KEY),
            Err(UnsafeLine::Principal(bad.to_owned())),
            "{bad:?}"
        );
    }
}

#[test]
fn only_known_clean_keys() {
    for key in [
        "",
        "ssh-rsa AAAA",
        "ssh-ed25519",
        "ssh-ed25519 ",
        "ssh-ed25519 AA\nroot",
        "ssh-ed25519 AA BB",
    ] {
        assert_eq!(line(&[], key), Err(UnsafeLine::Key), "{key:?}");
    }
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    struct Gone(ErrorKind);
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let key = AuthorizedKey::from_parts(&[], KEY).unwrap();
    assert!(write(&key, &mut Gone(ErrorKind::BrokenPipe)).is_ok());
    assert!(write(&key, &mut Gone(ErrorKind::StorageFull)).is_err());
}
