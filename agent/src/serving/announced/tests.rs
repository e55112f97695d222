use super::*;

fn connecting(pid: u32, start_time: u64) -> Connecting {
    Connecting {
        account: None,
        process: Process { pid, start_time },
        names: vec!["server".to_owned()],
        jumps: vec![vec!["near".to_owned()], vec!["far".to_owned()]],
        known_hosts: vec!["/known_hosts".into()],
        upstream: None,
    }
}

#[test]
fn each_process_below_has_the_name_of_its_own_jump_host() {
    let announced = [connecting(10, 100)];
    // 13 below 12 below 11 below 10; 20 is another shell's
    let stat = |pid: u32| {
        let (parent, start_time) = match pid {
            10 => (1, 100),
            11..=13 => (pid - 1, 200),
            20 => (1, 100),
            _ => return None,
        };
        Some(ProcessStat { parent, start_time })
    };
    let names = |pid| find(&announced, pid, stat).map(|found| found.names);
    assert_eq!(names(10), Some(vec!["server".to_owned()]));
    assert_eq!(names(11), Some(vec!["near".to_owned()]));
    assert_eq!(names(12), Some(vec!["far".to_owned()]));
    assert_eq!(names(13), Some(Vec::new()));
    assert_eq!(names(20), None);
    assert_eq!(names(30), None);
}

#[test]
fn a_later_process_with_the_number_is_another() {
    let stat = |_| {
        Some(ProcessStat {
            parent: 0,
            start_time: 101,
        })
    };
    assert_eq!(find(&[connecting(10, 100)], 10, stat), None);
}

#[test]
fn processes_that_have_ended_are_forgotten() {
    let own = std::process::id();
    let start_time = stat(own).unwrap().start_time;
    let announced = Announced::default();
    announced.add(connecting(own, start_time + 1));
    announced.add(connecting(u32::MAX, 1));
    announced.add(connecting(own, start_time));
    assert_eq!(announced.0.lock().len(), 1);
    assert_eq!(announced.of(own).names, ["server"]);
}
