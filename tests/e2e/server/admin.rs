//! `opkssh add` and `opkssh readhome`.

mod home_policy;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use opkssh_test_support::{Etc, Home, Output, wait_until};

use crate::setup::OPKSSH;

fn add(home: &Home, etc: &Etc, row: [&str; 3]) -> Output {
    home.opkssh(["add", "--etc"]).arg(etc.dir()).args(row).run()
}

fn rows(etc: &Etc) -> String {
    fs::read_to_string(etc.dir().join("auth_id")).unwrap()
}

#[test]
fn add_says_what_it_did_as_go_does() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    let row = ["dev", "alice@example.com", "https://id.example"];
    let file = etc.dir().join("auth_id");
    let said = format!("Successfully added new policy to {}\n", file.display());

    let first = add(&home, &etc, row);
    assert_eq!(first.stdout(), said);
    assert!(
        first.stderr().contains("with principal dev was added"),
        "{}",
        first.stderr()
    );
    let again = add(&home, &etc, row);
    assert_eq!(
        again.stdout(),
        format!(
            "The row is already in {}, which was not changed\n",
            file.display()
        )
    );
    assert!(
        again.stderr().contains("already exists"),
        "{}",
        again.stderr()
    );
    assert_eq!(rows(&etc), "dev alice@example.com https://id.example\n");
    assert_eq!(
        fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

#[test]
fn add_knows_the_short_names_of_issuers() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    for name in ["google", "azure", "microsoft", "gitlab", "hello"] {
        add(&home, &etc, ["dev", name, name]).stdout();
    }
    let microsoft = "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";
    let expected = format!(
        "dev google https://accounts.google.com\ndev azure {microsoft}\n\
         dev microsoft {microsoft}\ndev gitlab https://gitlab.com\n\
         dev hello https://issuer.hello.coop\n"
    );
    assert_eq!(rows(&etc), expected);
}

#[test]
fn add_leaves_everything_else_in_the_file_as_it_was() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    let before = "# who may be whom\n\ndev  bob@example.com\thttps://id.example # since May\n\
                  broken row\nroot bob@example.com https://id.example";
    etc.write("auth_id", before);
    add(
        &home,
        &etc,
        ["dev", "alice@example.com", "https://id.example"],
    )
    .stdout();
    let after = rows(&etc);
    assert_eq!(
        after,
        format!("{before}\ndev alice@example.com https://id.example\n")
    );
}

#[test]
fn add_refuses_what_could_not_be_read_back() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    for row in [
        ["dev\nroot x y", "alice@example.com", "https://id.example"],
        ["dev", "a#b", "https://id.example"],
        ["dev", "", "https://id.example"],
        ["dev", "alice@example.com", ""],
    ] {
        let refused = add(&home, &etc, row);
        let said = refused.refused();
        assert!(
            said.starts_with("Error: Failed to add to policy: cannot write this"),
            "{said}"
        );
        assert_eq!(said.matches("cannot write this").count(), 1, "{said}");
        assert_eq!(refused.any_stdout(), "");
        assert_eq!(rows(&etc), "");
    }
    // a word that needs quotes gets them
    add(
        &home,
        &etc,
        ["dev", "oidc:groups:two words", "https://id.example"],
    )
    .stdout();
    assert_eq!(
        rows(&etc),
        "dev 'oidc:groups:two words' https://id.example\n"
    );
}

#[test]
fn add_refuses_a_file_that_others_may_write() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    let file = etc.dir().join("auth_id");
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    let said = add(&home, &etc, ["dev", "alice@example.com", "google"]).refused();
    assert!(said.contains("has insecure permissions"), "{said}");
    assert!(said.contains("run: sudo chmod 640"), "{said}");
    assert_eq!(rows(&etc), "");
}

#[test]
fn of_many_that_add_at_once_none_is_lost() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    let mut adding: Vec<_> = (0..20)
        .map(|number| {
            let identity = format!("user{number}@example.com");
            let add = home.opkssh(["add", "--etc"]).arg(etc.dir());
            add.args(["dev", &identity, "https://id.example"]).start()
        })
        .collect();
    wait_until("all have ended", || {
        adding
            .iter_mut()
            .all(opkssh_test_support::Running::has_ended)
            .then_some(())
    });
    for add in adding {
        add.wait().stdout();
    }
    assert_eq!(rows(&etc).lines().count(), 20);
    let left = fs::read_dir(etc.dir()).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".opkssh.lock", "auth_id", "providers"]);
}
