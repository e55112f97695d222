use super::*;

#[test]
fn parent_and_start_are_found_behind_any_name() {
    let fields = "S 41 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 200";
    for name in ["ssh", "a b", ") S 1 1", "))", ""] {
        let stat = ProcessStat::parse(&format!("42 ({name}) {fields}"));
        let expected = ProcessStat {
            parent: 41,
            start_time: 98765,
        };
        assert_eq!(stat, Some(expected), "{name}");
    }
    for text in ["", "42 (ssh)", "42 (ssh) S 41 1 1", "42 ssh S 41"] {
        assert_eq!(ProcessStat::parse(text), None, "{text}");
    }
}

#[test]
fn a_process_is_read_as_it_is_written() {
    let process = Process {
        pid: 42,
        start_time: 98765,
    };
    assert_eq!(process.to_string().parse(), Ok(process));
    for text in ["", "42", "42:", ":42", "-1:2", "42:1:1"] {
        assert!(text.parse::<Process>().is_err(), "{text}");
    }
}
