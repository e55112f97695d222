//! The names of this machine's programs.

/// Returns the name of a process's program; `None` without such a process, or without `/proc`.
pub fn program_name(pid: u32) -> Option<String> {
    let name = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(name.trim_ascii_end()).into_owned())
}
