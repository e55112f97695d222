use std::fs::Permissions;
use std::os::unix::fs::symlink;

use super::*;

struct Etc(tempfile::TempDir);

impl Etc {
    fn new() -> Self {
        let etc = Self(tempfile::tempdir().unwrap());
        etc.write("run", "#!/bin/sh\n", 0o755);
        etc
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn plugin(&self, name: &str, program: &str) {
        let program = self.0.path().join(program);
        let text = format!("name: {name}\ncommand: {}\n", program.display());
        self.write(&format!("{name}.yml"), &text, 0o640);
    }

    fn load(&self) -> (Vec<String>, String) {
        let Plugins { all, problems } = load(self.0.path());
        let names = all.into_iter().map(|plugin| plugin.description.name);
        (names.collect(), problems.join("\n"))
    }
}

#[test]
fn yml_files_in_the_order_of_their_names() {
    let etc = Etc::new();
    for name in ["b", "a", ".c"] {
        etc.plugin(name, "run");
    }
    etc.write("x.yaml", "nonsense: [", 0o640);
    fs::create_dir(etc.0.path().join("d.yml")).unwrap();
    assert_eq!(
        etc.load(),
        ([".c", "a", "b"].map(str::to_owned).into(), String::new())
    );
    let none = load(&etc.0.path().join("none"));
    assert!(none.all.is_empty() && none.problems.is_empty());
}

#[test]
fn a_plugin_that_others_can_change_is_not_asked() {
    let etc = Etc::new();
    etc.plugin("good", "run");
    etc.plugin("file", "run");
    fs::set_permissions(etc.0.path().join("file.yml"), Permissions::from_mode(0o644)).unwrap();
    etc.write("writable", "#!/bin/sh\n", 0o775);
    etc.plugin("program", "writable");
    etc.plugin("missing", "none");
    etc.plugin("directory", ".");
    fs::create_dir(etc.0.path().join("open")).unwrap();
    etc.write("open/run", "#!/bin/sh\n", 0o755);
    fs::set_permissions(etc.0.path().join("open"), Permissions::from_mode(0o777)).unwrap();
    etc.plugin("above", "open/run");
    symlink("open/run", etc.0.path().join("link")).unwrap();
    etc.plugin("linked", "link");
    let (names, problems) = etc.load();
    assert_eq!(names, ["good"]);
    for (name, why) in [
        ("file", "insecure permissions"),
        ("program", "expected 755 or stricter, got 775"),
        ("missing", "No such file"),
        ("directory", "not a regular file"),
        ("above", "/open has insecure permissions"),
        ("linked", "/open has insecure permissions"),
    ] {
        let line = problems
            .lines()
            .find(|line| line.contains(&format!("/{name}.yml")));
        assert!(
            line.is_some_and(|line| line.contains(why)),
            "{name}: {problems}"
        );
    }
}

#[test]
fn a_directory_that_others_can_change_has_no_plugins() {
    let etc = Etc::new();
    etc.plugin("good", "run");
    fs::set_permissions(etc.0.path(), Permissions::from_mode(0o775)).unwrap();
    let (names, problems) = etc.load();
    assert!(
        names.is_empty() && problems.starts_with("no plugin is asked: "),
        "{problems}"
    );
}
