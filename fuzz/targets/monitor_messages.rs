//! What the monitor reads: questions of a process that a stranger may have taken over. And its
//! answers.

use opkssh_server::home::{HomePolicy, NoHomePolicy};
use opkssh_server::monitor_messages::{MonitorRequest, read, write};

pub fn run(bytes: &[u8]) {
    let mut questions = bytes;
    while let Ok(Some(question)) = read::<MonitorRequest>(&mut questions) {
        let line = written(|to| write(to, &question));
        let again: MonitorRequest = read(&mut line.as_slice())
            .expect("our own form")
            .expect("one line");
        assert_eq!(written(|to| write(to, &again)), line);
        if let MonitorRequest::Plugins(variables) = question {
            let json = serde_json::to_value(variables).expect("pairs");
            let pairs: Vec<(String, String)> = serde_json::from_value(json).expect("pairs");
            for (name, value) in pairs {
                assert!(name.starts_with("OPKSSH_PLUGIN_"), "{name:?}");
                assert!(!name.contains(['=', '\0']) && !value.contains('\0'));
            }
        }
    }
    let mut answers = bytes;
    while let Ok(Some(answer)) = read::<Result<HomePolicy, NoHomePolicy>>(&mut answers) {
        let sent = written(|to| write(to, &answer));
        let again = read(&mut sent.as_slice()).expect("our own form");
        assert_eq!(again, Some(answer));
    }
    let _ = read::<Option<String>>(&mut &bytes[..]);
    let _ = read::<Result<Vec<u8>, String>>(&mut &bytes[..]);
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes).expect("memory");
    bytes
}
