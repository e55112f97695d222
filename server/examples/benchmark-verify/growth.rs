//! How verify's time grows with `auth_id` and `providers`.

use std::path::Path;

use crate::forge::CLIENT;
use crate::{Contender, RUNS, Stage, sorted, timed, write};

/// Rows in `auth_id`, beside one.
const ROWS: [usize; 2] = [10_000, 100_000];
/// Rows in `providers`.
const PROVIDERS: usize = 1_000;

/// How the time grows with the files. All take turns, so that whatever else the machine does meets
/// them all. `times` is beside the first row of the same program.
pub fn table(stage: &Stage, issuer: &str, contenders: &[&Contender]) {
    println!("\n| auth_id | providers | program | median | fastest | times one row |");
    println!("|---|---|---|---|---|---|");
    let one = Size {
        rows: 1,
        account: "root",
        providers: 1,
    };
    let of = |account| {
        ROWS.map(|rows| Size {
            rows,
            account,
            ..one
        })
    };
    let providers = Size {
        providers: PROVIDERS,
        ..one
    };
    let sizes = [&[one][..], &of("other"), &of("root"), &[providers]].concat();
    let mut times = vec![vec![Vec::new(); contenders.len()]; sizes.len()];
    let mut bare = vec![Vec::new(); contenders.len()];
    for _ in 0..RUNS {
        for (size, times) in sizes.iter().zip(&mut times) {
            stage.grow(issuer, *size);
            for (contender, times) in contenders.iter().zip(times) {
                stage.verify(contender);
                times.push(timed(|| stage.verify(contender)));
            }
        }
        for (contender, times) in contenders.iter().zip(&mut bare) {
            times.push(timed(|| contender.start()));
        }
    }
    stage.grow(issuer, one);
    let line = |what: &str, contender: &Contender, times: &[f64], one: f64| {
        let times = sorted(times.iter().copied());
        let (median, fastest, name) = (times[RUNS / 2], times[0], contender.name);
        let times = median / one;
        println!("| {what} | {name} | {median:.1} ms | {fastest:.1} ms | {times:.2} |");
    };
    for (index, contender) in contenders.iter().enumerate() {
        let one = sorted(times[0][index].iter().copied())[RUNS / 2];
        line("`opkssh --version` |", contender, &bare[index], one);
        for (size, times) in sizes.iter().zip(&times) {
            line(&size.to_string(), contender, &times[index], one);
        }
    }
}

/// How long the files are.
#[derive(Clone, Copy)]
struct Size {
    rows: usize,
    /// Of all rows but the last, which lets in.
    account: &'static str,
    /// The last is that of the token's issuer.
    providers: usize,
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let accounts = match (self.rows, self.account) {
            (1, _) => "",
            (_, "root") => " of one account",
            _ => " of as many accounts",
        };
        write!(f, "{}{accounts} | {}", self.rows, self.providers)
    }
}

impl Stage {
    fn grow(&self, issuer: &str, size: Size) {
        let mut providers = String::new();
        for n in 1..size.providers {
            providers += &format!("https://issuer-{n}.example/realms/staff client-{n} 24h\n");
        }
        providers += &format!("{issuer} {CLIENT} 24h\n");
        write(Path::new("/etc/opk/providers"), &providers, 0o640);
        let mut rows = String::new();
        for n in 1..size.rows {
            let account = match size.account {
                "root" => "root".to_owned(),
                other => format!("{other}-{n}"),
            };
            rows += &format!("{account} person-{n}@x.example {issuer}\n");
        }
        rows += &format!("root alice@x.example {issuer}\n");
        write(Path::new("/etc/opk/auth_id"), &rows, 0o640);
    }
}
