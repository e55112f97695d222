//! Within a crate, no file imports from a file that imports from it, directly or by way of others.
//! A module and those below it are one subject and may do so. Tests at the end of a file and in
//! files of their own are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::with_extension;

/// A path's names: a module from the crate's root on, or what stands in the text.
type Names = Vec<String>;

#[derive(Default)]
struct Crate {
    modules: BTreeMap<Names, Module>,
}

struct Module {
    file: PathBuf,
    /// What `use` brings in, by the name that it has here.
    imports: BTreeMap<String, Names>,
    /// Paths elsewhere in the text.
    paths: BTreeSet<Names>,
}

impl Crate {
    fn read(directory: &Path, sources: &[(PathBuf, String)]) -> Self {
        let mut read = Self::default();
        for (file, text) in sources {
            let Ok(inside) = file.strip_prefix(directory) else {
                continue;
            };
            let inside = inside.with_extension("");
            let names = inside.iter().map(|name| name.to_string_lossy());
            let names = names.filter(|name| !["lib", "main", "mod"].contains(&name.as_ref()));
            let name: Names = names.map(|name| name.into_owned()).collect();
            if !name.iter().any(|name| name == "tests") {
                read.modules.insert(name, Module::read(file, text));
            }
        }
        read
    }

    /// Returns the module whose file has what `path` names in the text of `module`; `None` if the
    /// path begins outside of the crate.
    fn owner(&self, module: &[String], path: &[String]) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(self.below(&[], rest)),
            "self" | "super" => Some(self.below(module, path)),
            name if self.modules.contains_key(&child(module, name)) => {
                Some(self.below(module, path))
            }
            name => {
                let import = self.modules.get(module)?.imports.get(name)?;
                let goes_on = import.first().is_some_and(|first| first != name);
                goes_on.then(|| self.owner(module, &[import, rest].concat()))?
            }
        }
    }

    /// Follows `path` down from `module`, and a re-export to where it leads.
    fn below(&self, module: &[String], path: &[String]) -> Names {
        let Some((first, rest)) = path.split_first() else {
            return module.to_vec();
        };
        let next = child(module, first);
        match first.as_str() {
            "self" => self.below(module, rest),
            "super" => self.below(&module[..module.len().saturating_sub(1)], rest),
            _ if self.modules.contains_key(&next) => self.below(&next, rest),
            _ => self.owner(module, path).unwrap_or(module.to_vec()),
        }
    }

    /// Returns the modules that this one names, and that are neither above nor below it.
    fn named_by(&self, name: &Names, module: &Module) -> BTreeSet<Names> {
        let paths = module.imports.values().chain(&module.paths);
        let owners = paths.filter_map(|path| self.owner(name, path));
        let is_apart = |owner: &Names| !owner.starts_with(name) && !name.starts_with(owner);
        owners.filter(is_apart).collect()
    }

    /// Returns the files of each circle.
    fn circles(&self) -> BTreeSet<Vec<&Path>> {
        let all = || self.modules.iter();
        let named: BTreeMap<_, _> = all().map(|(n, m)| (n, self.named_by(n, m))).collect();
        let reached = |from| {
            let mut reached = BTreeSet::new();
            let mut next = vec![from];
            while let Some(from) = next.pop() {
                next.extend(named[from].iter().filter(|to| reached.insert(*to)));
            }
            reached
        };
        let reached: BTreeMap<_, _> = all().map(|(name, _)| (name, reached(name))).collect();
        let circle = |(name, to): (_, &BTreeSet<&Names>)| {
            let circle = to.iter().filter(|to| reached[**to].contains(name));
            let files = circle.map(|name| self.modules[*name].file.as_path());
            files.collect::<Vec<_>>()
        };
        let circles = reached.iter().map(|(name, to)| circle((*name, to)));
        circles.filter(|circle| !circle.is_empty()).collect()
    }
}

impl Module {
    fn read(file: &Path, text: &str) -> Self {
        let mut module = Self {
            file: file.to_owned(),
            imports: BTreeMap::new(),
            paths: BTreeSet::new(),
        };
        let text = text.split("#[cfg(test)]\nmod tests {").next();
        let mut statement = String::new();
        for line in text.unwrap_or_default().lines() {
            let line = line.split("//").next().unwrap_or_default();
            let start = line.trim_start();
            let is_use = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "]
                .iter()
                .find_map(|word| start.strip_prefix(word));
            if let Some(tree) = is_use {
                statement = tree.to_owned();
            } else if !statement.is_empty() {
                statement.push_str(start);
            } else {
                let words = line.split(|c: char| !c.is_alphanumeric() && !"_:".contains(c));
                let paths = words.filter(|word| word.contains("::")).map(names);
                module.paths.extend(paths.filter(|path| !path.is_empty()));
            }
            if let Some(tree) = statement.strip_suffix(';') {
                use_tree("", tree, &mut module.imports);
                statement.clear();
            }
        }
        module
    }
}

/// Reads a tree of `use`, whose lines are put together.
fn use_tree(before: &str, tree: &str, imports: &mut BTreeMap<String, Names>) {
    let tree = tree.trim();
    if let Some((head, branches)) = tree.split_once('{') {
        let branches = branches.strip_suffix('}').unwrap_or(branches);
        let mut depth = 0;
        let is_between = |c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        };
        for branch in branches.split(is_between) {
            use_tree(&format!("{before}{head}"), branch, imports);
        }
        return;
    }
    let (path, alias) = match tree.split_once(" as ") {
        Some((path, alias)) => (path, Some(alias.to_owned())),
        None => (tree, None),
    };
    let mut path = names(&format!("{before}{path}"));
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    if let Some(name) = alias.or_else(|| path.last().cloned()) {
        imports.insert(name, path);
    }
}

fn names(path: &str) -> Names {
    let names = path.split("::").filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn child(module: &[String], name: &str) -> Names {
    let mut child = module.to_vec();
    child.push(name.to_owned());
    child
}

#[test]
fn no_file_imports_from_one_that_imports_from_it() {
    let sources: Vec<_> = with_extension("rs").collect();
    let roots = sources.iter().filter_map(|(file, _)| {
        let is_root = file.ends_with("lib.rs") || file.ends_with("main.rs");
        file.parent().filter(|_| is_root)
    });
    let crates: Vec<_> = roots.map(|root| Crate::read(root, &sources)).collect();
    assert!(crates.len() > 7, "only {} crates", crates.len());
    let circles: BTreeSet<_> = crates.iter().flat_map(Crate::circles).collect();
    assert!(circles.is_empty(), "circles of files: {circles:#?}");
}
